import type { Run } from '@pandastack/contract'
import { CliError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { PAGE_LIMIT, type Client } from '../http/client.ts'
import { withNearNames } from '../near-names.ts'
import type { Page } from '../output/show.ts'

const FULL_ID = /^run_[0-9a-f]{32}$/
const PART_OF_ID = /^(?:run_[0-9a-f]{6,31}|[0-9a-f]{6,32})$/
/** What tables show of an id: of a UUID version 7 the end is the random part. */
const SHOWN_CHARACTERS = 8

export function shortId(id: string): string {
  return id.slice(-SHOWN_CHARACTERS)
}

/**
 * The full id for what a person types: a full id, the beginning or end of one of the newest 500 runs, or the name of
 * a cronjob for its newest run.
 *
 * @throws CliError `not_found`, or `ambiguous` when several runs fit.
 */
export async function findRun(client: Client, typed: string): Promise<string> {
  if (FULL_ID.test(typed)) return typed
  if (PART_OF_ID.test(typed)) {
    const { items } = await client.get<Page<Run>>('/v1/runs', { ...client.project, limit: PAGE_LIMIT })
    const matches = items.filter(
      ({ id }) => id.startsWith(typed) || id.endsWith(typed) || id.startsWith(`run_${typed}`),
    )
    if (matches.length === 1 && matches[0] !== undefined) return matches[0].id
    if (matches.length > 1) throw ambiguous(typed, matches)
  }
  return newestOf(client, typed)
}

async function newestOf(client: Client, typed: string): Promise<string> {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(typed)) throw unknownRun(typed)
  const query = { ...client.project, cronjob: typed, limit: 1 }
  const page = await withNearNames(client, 'cronjobs', typed, () => client.get<Page<Run>>('/v1/runs', query))
  const newest = page.items[0]
  if (newest !== undefined) return newest.id
  throw new CliError(`the cronjob "${typed}" has no runs yet`, {
    code: 'not_found',
    exitCode: EXIT.notFound,
    hint: `Start one: panda cronjob run ${typed}`,
  })
}

function unknownRun(typed: string): CliError {
  return new CliError(`there is no run "${typed}"`, {
    code: 'not_found',
    exitCode: EXIT.notFound,
    hint: 'Give the id of a run (see `panda run list`) or the name of a cronjob for its newest run.',
  })
}

function ambiguous(typed: string, matches: readonly Run[]): CliError {
  const shown = matches.slice(0, 3).map(({ id, cronjob }) => `${id} (${cronjob})`)
  return new CliError(`${matches.length} runs fit "${typed}"`, {
    code: 'ambiguous',
    exitCode: EXIT.usage,
    why: [shown.join(', ')],
    hint: 'Give more characters of the id.',
  })
}
