import { configPath, readConfigFile } from '../../config-file.ts'
import { defineCommand } from '../../command.ts'
import { showList } from '../../output/show.ts'

export const command = defineCommand({
  args: {},
  options: {},
  examples: [
    { line: 'panda context list', note: 'saved logins, * marks the current one' },
    { line: 'panda context list -o name', note: 'names only' },
  ],
  async run({ session }) {
    const file = await readConfigFile(session.io.env)
    // Tokens stay out of every format: a list is something one shows around.
    const items = Object.entries(file.contexts).map(([name, { url, project }]) => ({
      name,
      url,
      project: project ?? null,
      current: name === file.current,
    }))
    await showList(
      session,
      { items, nextCursor: null },
      {
        columns: [
          { head: '', cell: ({ current }) => (current ? '*' : '') },
          { head: 'NAME', cell: ({ name }) => name },
          { head: 'URL', cell: ({ url }) => url },
          { head: 'PROJECT', cell: ({ project }) => project ?? '-' },
        ],
        name: ({ name }) => name,
        empty: `There are no saved logins (${await configPath(session.io.env)}). Make one: panda login --url URL`,
      },
    )
  },
})
