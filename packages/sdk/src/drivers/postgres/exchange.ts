import type { ClaimedJob, Exchange, Exchanged, JobResult, KeepPolicy } from '../../queue/driver.ts'
import { idOf } from './add.ts'
import { Floors } from './floors.ts'
import { ulidOf } from './ids.ts'
import { msOf } from './stamps.ts'
import type { Store } from './store.ts'

interface ClaimedRow {
  readonly id: string | null
  readonly body: string
  readonly settings: string | null
  readonly rank: number
  readonly seq: string
  readonly lane: number
  readonly fence: string
  readonly rare: string | null
}
interface Head {
  readonly leased: boolean
  readonly refused: readonly string[]
  readonly again: number | null
}
interface Rare {
  readonly group?: string | null
  readonly failures?: number
  readonly crashes?: number
  readonly added?: string | number | null
  readonly parentQueue?: string | null
  readonly parentId?: string | null
}

const ROW = 'id, body, settings, rank, seq, lane, fence, rare'
const EXCHANGING = {
  name: 'panda_exchange_1',
  text: `select ${ROW} from {s}.exchange_1($1::int4, $2::text, $3::int4, $4::uuid[], $5::int8[], $6::text[], $7::json, $8::int8[],
    $9::uuid[], $10::int2, $11::int8, $12::boolean)`,
}
const CLAIMING = {
  name: 'panda_claim_1',
  text: `select ${ROW} from {s}.claim_1($1::int4, $2::text, $3::int4, $4::int2, $5::int8, $6::boolean)`,
}

/** The exchange; null for a claim that may be forgotten. */
interface Asked {
  readonly want: number
  readonly exchange: Exchange | null
}

/** Claims and results of one driver. */
export class Exchanges {
  readonly #store: Store
  readonly #floors = new Floors()
  readonly #groupsFirst = new Map<number, boolean>()

  constructor(store: Store) {
    this.#store = store
  }

  async exchange(queue: string, worker: string, exchange: Exchange, signal?: AbortSignal): Promise<Exchanged> {
    return this.#ask(queue, worker, { want: exchange.want, exchange }, signal)
  }

  async claimSoftly(queue: string, worker: string, want: number, signal?: AbortSignal): Promise<Exchanged> {
    return this.#ask(queue, worker, { want, exchange: null }, signal)
  }

  async #ask(queue: string, worker: string, asked: Asked, signal?: AbortSignal): Promise<Exchanged> {
    const { want, exchange } = asked
    const id = await this.#store.queue(queue)
    const floor = this.#floors.of(id)
    const first = await this.#call(id, queue, worker, asked, signal)
    // Nothing behind the last claim: what came late, or was handed back, may lie before it.
    if (floor === undefined || want === 0 || first.jobs.length > 0 || !first.leased) return first
    const again = exchange && { want, keep: exchange.keep, results: [] }
    const second = await this.#call(id, queue, worker, { want, exchange: again }, signal)
    return { ...second, refused: first.refused }
  }

  async #call(id: number, queue: string, worker: string, asked: Asked, signal?: AbortSignal): Promise<Exchanged> {
    const { want, exchange } = asked
    const floor = this.#floors.of(id)
    const groupsFirst = this.#groupsFirst.get(id) !== true
    if (want > 0) this.#groupsFirst.set(id, groupsFirst)
    const startedAt = performance.now()
    try {
      const place = [floor?.rank ?? -32768, floor?.seq ?? '0', groupsFirst]
      const statement = exchange === null ? CLAIMING : EXCHANGING
      const values = [id, worker, want, ...(exchange === null ? [] : detailsOf(exchange)), ...place]
      const sent = { ...statement, values, doing: `exchange jobs of ${queue}` }
      const rows = (await this.#store.run(sent, signal)) as unknown as readonly ClaimedRow[]
      const claimed = rows.slice(0, -1)
      if (want > 0) {
        const last = claimed.findLast((row) => row.lane === id)
        this.#floors.claimed(
          id,
          claimed.length === want ? last : undefined,
          performance.now() - startedAt,
          floor === undefined,
        )
      }
      const head = JSON.parse(rows.at(-1)?.body ?? '{}') as Head
      return {
        jobs: woven(claimed, id, groupsFirst).map(jobOf),
        refused: head.refused.map(ulidOf),
        againInMs: head.again === null ? null : Math.ceil(head.again),
        leased: head.leased,
      }
    } catch (error) {
      // Nobody knows what was claimed.
      this.#floors.forget(id)
      throw error
    }
  }
}

/** Grouped and ungrouped ones take turns. */
function woven(rows: readonly ClaimedRow[], queue: number, groupsFirst: boolean): readonly ClaimedRow[] {
  const grouped = rows.filter((row) => row.lane !== queue)
  if (grouped.length === 0 || grouped.length === rows.length) return rows
  const plain = rows.filter((row) => row.lane === queue)
  const [first, second] = groupsFirst ? [grouped, plain] : [plain, grouped]
  const turns = Math.max(first.length, second.length)
  return Array.from({ length: turns }, (_, turn) => [first[turn], second[turn]])
    .flat()
    .filter((row) => row !== undefined)
}

/** Counts and ages as the functions take them. */
export function keepOf({ succeeded, cancelled, dead }: KeepPolicy): string {
  const numbers = [succeeded.count, succeeded.ageMs, cancelled.count, cancelled.ageMs, dead.count, dead.ageMs]
  return `{${numbers.map(bounded).join(',')}}`
}

/** What is no number of ours fits no claim. */
export function fenceOf(fence: string): string {
  return /^\d{1,18}$/.test(fence) ? fence : '0'
}

/** Infinity, too, is a way of saying how long. */
export function bounded(number: number): number {
  return Math.min(Math.max(0, Math.round(number)), Number.MAX_SAFE_INTEGER)
}

function detailsOf({ results, keep, holds }: Exchange): unknown[] {
  return [...resultsOf(results), keepOf(keep), holds?.map(idOf) ?? null]
}

function resultsOf(
  results: readonly JobResult[],
): [string[] | null, string[] | null, (string | null)[] | null, string | null] {
  const ids: string[] = []
  const fences: string[] = []
  const values: (string | null)[] = []
  const others: object[] = []
  let hasValue = false
  for (const result of results) {
    if (result.kind !== 'succeeded') {
      others.push(otherOf(result, others.length))
      continue
    }
    ids.push(idOf(result.job.id))
    fences.push(fenceOf(result.job.fence))
    values.push(result.value)
    hasValue ||= result.value !== null
  }
  const none = ids.length === 0
  return [
    none ? null : ids,
    none ? null : fences,
    hasValue ? values : null,
    others.length === 0 ? null : JSON.stringify(others),
  ]
}

function otherOf(result: Exclude<JobResult, { kind: 'succeeded' }>, n: number): object {
  const { kind, job } = result
  return {
    n,
    id: idOf(job.id),
    fence: fenceOf(job.fence),
    kind,
    text: kind === 'retry' || kind === 'dead' ? result.error : null,
    reason: kind === 'dead' || kind === 'cancelled' ? result.reason : null,
    delay: kind === 'retry' ? bounded(result.delayMs) : 0,
  }
}

function jobOf(row: ClaimedRow): ClaimedJob {
  const rare = row.rare === null ? {} : (JSON.parse(row.rare) as Rare)
  return {
    id: ulidOf(row.id ?? ''),
    body: row.body,
    settings: row.settings ?? '',
    priority: row.rank === 0 ? 0 : -row.rank,
    group: rare.group ?? null,
    parent: rare.parentId == null ? null : { queue: rare.parentQueue ?? '', id: ulidOf(rare.parentId) },
    fence: row.fence,
    failures: rare.failures ?? 0,
    crashes: rare.crashes ?? 0,
    addedAt: msOf(rare.added == null ? row.seq : String(rare.added)),
  }
}
