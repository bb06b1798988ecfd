/** The answer of an exchange: what was claimed, as jobs. */
import type { ClaimedJob, Exchanged } from '../../queue/driver.ts'
import { VALUE_END } from './lua/exchange.ts'
import { unpack } from './packed.ts'

/** As the script gives it; without a lease the first number alone. */
export type Answer = [
  leased: number,
  again: number,
  refused: string[],
  fence: string,
  ids: string,
  values: string | null,
  histories: (string | null)[],
]

/** Fetches the stored jobs of these ids; null for one that is not there. */
type FetchValues = (ids: readonly string[]) => Promise<(string | null)[]>

export interface Claim {
  readonly exchanged: Exchanged
  /** Characters of a stored job, on average; 0 when there was none. */
  readonly size: number
}

export async function readClaim(answer: Answer, fetchValues: FetchValues): Promise<Claim> {
  const [, again, refused, fence, idText, valueText, histories] = answer
  const ids = idText === '' ? [] : idText.split('\n')
  let values: (string | null)[] | undefined = valueText?.split(VALUE_END)
  // A stored job with the separator in it was put there by somebody else, not as JSON: it is no reason to mix up the others.
  if (ids.length > 0 && values?.length !== ids.length) values = await fetchValues(ids)
  const jobs: ClaimedJob[] = []
  let length = 0
  for (let index = 0; index < ids.length; index++) {
    const value = values?.[index]
    // Somebody else has been at the store: there is no job of this id any more.
    if (value === null || value === undefined || value === '') continue
    length += value.length
    jobs.push(toJob(ids[index] ?? '', fence, value, histories[index]))
  }
  const exchanged = { jobs, refused, againInMs: again < 0 ? null : again, leased: true }
  return { exchanged, size: jobs.length === 0 ? 0 : length / jobs.length }
}

function toJob(id: string, fence: string, value: string, history: string | null | undefined): ClaimedJob {
  const { addedAt, body, settings, priority, group, parent } = unpack(value)
  const { f, c } = history === null || history === undefined ? NO_HISTORY : (JSON.parse(history) as typeof NO_HISTORY)
  return { id, body, settings, priority, group, parent, fence, failures: f, crashes: c, addedAt }
}
const NO_HISTORY = { f: 0, c: 0 }
