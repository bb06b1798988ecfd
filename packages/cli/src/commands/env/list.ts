import type { EnvVariable } from '@pandastack/contract'
import { defineCommand, flag } from '../../command.ts'
import { showList } from '../../output/show.ts'
import { relative } from '../../output/time.ts'

/** A fixed width, so that not even the length is seen over a shoulder. */
const MASK = '••••••••'

export const command = defineCommand({
  args: {},
  options: { show: flag('Show the values') },
  details: ['Values are masked in every format unless --show is given.'],
  examples: [
    { line: 'panda env list', note: 'names, values masked' },
    { line: 'panda env list --show -o json', note: 'with values' },
  ],
  async run({ options, session }) {
    const api = await session.api()
    const page = await api.all<EnvVariable>('/v1/env', api.project)
    const items = options.show ? page.items : page.items.map((item) => ({ ...item, value: MASK }))
    const now = session.io.now()
    await showList(
      session,
      { ...page, items },
      {
        columns: [
          { head: 'NAME', cell: ({ name }) => name },
          { head: 'VALUE', cell: ({ value }) => value, flexible: true },
          { head: 'CHANGED', cell: ({ updatedAt }) => relative(updatedAt, now) },
        ],
        name: ({ name }) => name,
        empty: 'There are no variables. Set one: panda env set KEY=VALUE',
      },
    )
  },
})
