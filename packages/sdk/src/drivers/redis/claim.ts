/** The answer of an exchange: what was claimed, as jobs. */
import type { ClaimedJob, Exchanged } from '../../queue/driver.ts'
import { VALUE_END } from './lua/exchange.ts'
import { isPlain, plainBody, timeOf, unpack } from './packed.ts'

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
type FetchValues = (ids: readonly string[]) => Promise<(Buffer | null)[]>

export interface Claim {
  readonly exchanged: Exchanged
  /** Characters or bytes of a stored job, on average; 0 when there was none. */
  readonly size: number
}

export async function readClaim(answer: Answer, fetchValues: FetchValues): Promise<Claim> {
  const [, again, refused, fence, idText, valueText, histories] = answer
  const ids = idText === '' ? [] : idText.split('\n')
  let values: (Buffer | string | null)[] | undefined = valueText?.split(VALUE_END)
  // A stored job with the separator in it was put there by somebody else, not as JSON: it is no reason to mix up the others.
  if (ids.length > 0 && values?.length !== ids.length) values = await fetchValues(ids)
  const jobs: ClaimedJob[] = []
  let length = 0
  for (let index = 0; index < ids.length; index++) {
    const value = values?.[index]
    // Somebody else has been at the store: there is no job of this id any more.
    if (value === null || value === undefined || value.length === 0) continue
    length += value.length
    jobs.push(toJob(ids[index] ?? '', fence, value, histories[index]))
  }
  const exchanged = { jobs, refused, againInMs: again < 0 ? null : again, leased: true }
  return { exchanged, size: jobs.length === 0 ? 0 : length / jobs.length }
}

function toJob(id: string, fence: string, value: Buffer | string, history: string | null | undefined): ClaimedJob {
  const { f, c } = history === null || history === undefined ? NO_HISTORY : (JSON.parse(history) as typeof NO_HISTORY)
  if (typeof value !== 'string' && isPlain(value)) return new UnreadJob(id, fence, f, c, value)
  const { addedAt, body, settings, priority, group, parent } = unpack(String(value))
  return { id, body, settings, priority, group, parent, fence, failures: f, crashes: c, addedAt }
}
const NO_HISTORY = { f: 0, c: 0 }

/**
 * A large job whose body stays as the bytes that came until it is read. While it waits for its turn, and while its result is
 * on its way, the garbage collector has no text of it to carry from one place to the next.
 */
class UnreadJob implements ClaimedJob {
  readonly settings = ''
  readonly priority = 0
  readonly group = null
  readonly parent = null
  readonly id: string
  readonly fence: string
  readonly failures: number
  readonly crashes: number
  readonly #value: Buffer

  constructor(id: string, fence: string, failures: number, crashes: number, value: Buffer) {
    this.id = id
    this.fence = fence
    this.failures = failures
    this.crashes = crashes
    this.#value = value
  }

  get body(): string {
    return plainBody(this.#value)
  }

  get addedAt(): number {
    return timeOf(this.#value)
  }
}
