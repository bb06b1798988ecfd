import type { EnvVariable, ProjectDatabase } from '@pandastack/contract'
import { defineCommand, flag } from '../../command.ts'
import { plain } from '../../output/clean.ts'
import { show, showList } from '../../output/show.ts'
import { relative } from '../../output/time.ts'
import type { Session } from '../../session.ts'

/** A fixed width, so that not even the length is seen over a shoulder. */
const MASK = '••••••••'

export const command = defineCommand({
  args: {},
  options: { show: flag('Show the values') },
  details: [
    'Values are masked in every format unless --show is given.',
    'A project that names no store gets DATABASE_URL from the platform: it is listed, its value never shown.',
  ],
  examples: [
    { line: 'panda env list', note: 'names, values masked' },
    { line: 'panda env list --show -o json', note: 'with values' },
  ],
  async run({ options, session }) {
    const api = await session.api()
    const [page, database] = await Promise.all([
      api.all<EnvVariable>('/v1/env', api.project),
      api.get<ProjectDatabase>('/v1/database', api.project),
    ])
    const items = options.show ? page.items : page.items.map((item) => ({ ...item, value: MASK }))
    const now = session.io.now()
    const human = session.globals.format === 'table' || session.globals.format === 'wide'
    if (human) await showRows(session, [...items.map((item) => rowOf(item, now)), ...rowsOf(database)])
    else await show(session, { ...page, items, database }, namesOf(items))
    if (database.state === 'unavailable') await session.hint(database.message)
  },
})

interface Row {
  readonly name: string
  readonly value: string
  readonly changed: string
}

function rowOf({ name, value, updatedAt }: EnvVariable, now: Date): Row {
  return { name, value, changed: relative(updatedAt, now) }
}

/** What the platform gives is no variable of the project: it can be neither read nor unset, only replaced by one. */
function rowsOf({ state, database }: ProjectDatabase): Row[] {
  const given = { name: 'DATABASE_URL', changed: '' }
  if (state === 'given') return [{ ...given, value: `given by the platform: database ${plain(database ?? '')}` }]
  if (state === 'on-first-need') return [{ ...given, value: 'given by the platform from the first start on' }]
  return []
}

async function showRows(session: Session, rows: readonly Row[]): Promise<void> {
  await showList(
    session,
    { items: rows, nextCursor: null },
    {
      columns: [
        { head: 'NAME', cell: ({ name }) => name },
        { head: 'VALUE', cell: ({ value }) => value, flexible: true },
        { head: 'CHANGED', cell: ({ changed }) => changed },
      ],
      name: ({ name }) => name,
      empty: 'There are no variables. Set one: panda env set KEY=VALUE',
    },
  )
}

function namesOf(items: readonly EnvVariable[]) {
  const name = (): string => items.map((item) => item.name).join('\n')
  return { name, human: name }
}
