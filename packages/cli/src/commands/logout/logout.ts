import { readConfigFile, writeConfigFile } from '../../config-file.ts'
import { defineCommand } from '../../command.ts'
import { pick } from '../../context.ts'

export const command = defineCommand({
  args: { name: { value: 'NAME', text: 'Saved login; default: the current one', completes: 'context' } },
  options: {},
  formats: false,
  details: ['Forgets the login on this machine; the token stays valid until panda token revoke.'],
  examples: [
    { line: 'panda logout staging', note: 'forgets one login' },
    { line: 'panda logout', note: 'forgets the current one' },
  ],
  async run({ args, session }) {
    const file = await readConfigFile(session.io.env)
    const name = args.name ?? file.current
    if (name === null) return session.print('There is no current login.')
    pick(file, name)
    const { [name]: _, ...contexts } = file.contexts
    await writeConfigFile(session.io.env, { current: file.current === name ? null : file.current, contexts })
    await session.print(`Logged out of ${name}.`)
  },
})
