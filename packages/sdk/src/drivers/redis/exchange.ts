/** A worker's round trip: results in, jobs out. The script (`lua/exchange.ts`) says what the arguments and answers are. */
import type { Exchange, Exchanged, JobResult, KeepPolicy, Kept } from '../../queue/driver.ts'
import { readClaim, type Answer } from './claim.ts'
import { Lanes, type Lane } from './lanes.ts'
import { exchangeScript } from './lua/exchange.ts'
import { Script, type ScriptArgument } from './script.ts'
import type { Store } from './store.ts'

const script = new Script(exchangeScript)
/** Lua cannot take more at a time. */
const MAX_GROUP = 4000
/** As good as for ever; the scripts take it so. */
const FOREVER_MS = 1e13

/** From this size on (characters, on average) the stored jobs are fetched by a command of their own, not through Lua. */
const FETCH_FROM = 400
/** For fewer jobs a second round trip costs more than it saves. */
const FETCH_JOBS = 32

export class Exchanges {
  readonly #store: Store
  readonly #lanes = new Lanes()
  /** Of the last jobs of each queue, what one has on average. */
  readonly #sizes = new Map<string, number>()

  constructor(store: Store) {
    this.#store = store
  }

  async exchange(queue: string, worker: string, exchange: Exchange, signal?: AbortSignal): Promise<Exchanged> {
    const lane = this.#lanes.take(queue, worker)
    const isApart = exchange.want >= FETCH_JOBS && (this.#sizes.get(queue) ?? 0) >= FETCH_FROM
    const args = toArguments(worker, lane, isApart, exchange)
    try {
      // Together they are one call: when the connection is lost in between, the first is sent again and answers the same.
      const claimed = await this.#store.call(queue, signal, async (redis, prefix) => {
        const answer = (await script.run(redis, prefix, args)) as Answer
        return answer[0] === 0 ? null : readClaim(answer, (ids) => redis.hmgetBuffer(`${prefix}b`, ...ids))
      })
      if (claimed === null) return withoutLease(exchange)
      if (claimed.size > 0) this.#sizes.set(queue, claimed.size)
      return claimed.exchanged
    } finally {
      lane.busy = false
    }
  }
}

function toArguments(worker: string, lane: Lane, isApart: boolean, exchange: Exchange): ScriptArgument[] {
  const { results, want, keep, holds } = exchange
  const { groups, others } = sortResults(results)
  const args: ScriptArgument[] = [worker, lane.name, lane.number, Math.max(0, Math.floor(want))]
  args.push(keepArgument(keep), holds === undefined ? -1 : holds.length, isApart ? '1' : '', groups.length)
  for (const group of groups) {
    args.push(group.fence, group.ids.length, group.tailed ? '1' : '', textOfIds(group.ids))
    if (group.tailed) for (const tail of group.tails) args.push(tail)
  }
  if (holds !== undefined) for (const id of holds) args.push(id)
  for (const result of others) args.push(...otherArguments(result))
  return args
}

/** As `idsOf` of the script takes them. */
function textOfIds(ids: readonly string[]): string {
  const text = ids.join('')
  const areUlids = Buffer.byteLength(text) === text.length && ids.every((id) => id.length === 26)
  return areUlids ? text : `\n${ids.join('\n')}`
}

interface PlainGroup {
  readonly fence: string
  readonly ids: string[]
  readonly tails: string[]
  tailed: boolean
}

function sortResults(results: readonly JobResult[]): { groups: PlainGroup[]; others: JobResult[] } {
  const groups: PlainGroup[] = []
  const open = new Map<string, PlainGroup>()
  const others: JobResult[] = []
  for (const result of results) {
    const { job } = result
    if (result.kind !== 'succeeded' || job.group !== null || job.parent !== null) {
      others.push(result)
      continue
    }
    let group = open.get(job.fence)
    if (group === undefined || group.ids.length >= MAX_GROUP) {
      group = { fence: job.fence, ids: [], tails: [], tailed: false }
      open.set(job.fence, group)
      groups.push(group)
    }
    group.ids.push(job.id)
    group.tails.push(result.value === null ? '' : tail(result.value, null, null))
    if (result.value !== null) group.tailed = true
  }
  // Each is put before all others, so the first of them comes last.
  const released = others.filter(({ kind }) => kind === 'released').toReversed()
  return { groups, others: [...others.filter(({ kind }) => kind !== 'released'), ...released] }
}

function otherArguments(result: JobResult): ScriptArgument[] {
  const { id, fence, priority, group, parent } = result.job
  const common = [
    id,
    fence,
    priority,
    group === null ? '-' : `+${group}`,
    parent === null ? '' : JSON.stringify([parent.queue, parent.id]),
  ]
  switch (result.kind) {
    case 'succeeded':
      return ['s', ...common, tail(result.value, null, null), result.value ?? '']
    case 'retry':
      return ['r', ...common, Math.max(0, Math.round(result.delayMs)), result.error]
    case 'dead':
      return ['d', ...common, tail(null, result.error, result.reason), result.error]
    case 'cancelled':
      return ['c', ...common, tail(null, null, result.reason), '']
    case 'released':
      return ['f', ...common, '', '']
  }
}

/** Value, error and reason of what has ended, as the records hold them. */
export function tail(value: string | null, error: string | null, reason: string | null): string {
  return JSON.stringify([value, error, reason]).slice(1, -1)
}

/** As the scripts take it: one argument, since it is nearly always the same and seldom read. */
export function keepArgument({ succeeded, cancelled, dead }: KeepPolicy): string {
  return JSON.stringify([succeeded, cancelled, dead].flatMap(keptArguments))
}

export function keptArguments({ count, ageMs }: Kept): [number, number] {
  return [Math.max(0, Math.floor(Math.min(count, Number.MAX_SAFE_INTEGER))), Math.round(Math.min(ageMs, FOREVER_MS))]
}

function withoutLease({ results }: Exchange): Exchanged {
  return { jobs: [], refused: results.map(({ job }) => job.id), againInMs: null, leased: false }
}
