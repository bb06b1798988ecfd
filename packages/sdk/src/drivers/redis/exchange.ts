/** A worker's round trip: results in, jobs out. The script (`lua/exchange.ts`) says what the arguments and answers are. */
import type { ClaimedJob, Exchange, Exchanged, JobResult, KeepPolicy, Kept } from '../../queue/driver.ts'
import { Lanes, type Lane } from './lanes.ts'
import { exchangeScript } from './lua/exchange.ts'
import { unpack } from './packed.ts'
import { Script, type ScriptArgument } from './script.ts'
import type { Store } from './store.ts'

const script = new Script(exchangeScript)
/** Lua cannot take more at a time. */
const MAX_GROUP = 4000
/** As good as for ever; the scripts take it so. */
const FOREVER_MS = 1e13

export class Exchanges {
  readonly #store: Store
  readonly #lanes = new Lanes()

  constructor(store: Store) {
    this.#store = store
  }

  async exchange(queue: string, worker: string, exchange: Exchange, signal?: AbortSignal): Promise<Exchanged> {
    const lane = this.#lanes.take(queue, worker)
    try {
      const answer = (await this.#store.run(script, queue, toArguments(worker, lane, exchange), signal)) as Answer
      return answer[0] === 0 ? withoutLease(exchange) : toExchanged(answer)
    } finally {
      lane.busy = false
    }
  }
}

type Texts = string[]
/** Leased; ms until asking again; refused; fence; ids, values and histories. */
type Answer = [number, number, Texts, string, Texts, (string | null)[], (string | null)[]]

function toArguments(worker: string, lane: Lane, { results, want, keep, holds }: Exchange): ScriptArgument[] {
  const { groups, others } = sortResults(results)
  const args: ScriptArgument[] = [worker, lane.name, lane.number, Math.max(0, Math.floor(want))]
  args.push(keepArgument(keep), holds === undefined ? -1 : holds.length, groups.length)
  for (const group of groups) {
    args.push(group.fence, group.ids.length, group.tailed ? '1' : '')
    for (const id of group.ids) args.push(id)
    if (group.tailed) for (const tail of group.tails) args.push(tail)
  }
  if (holds !== undefined) for (const id of holds) args.push(id)
  for (const result of others) args.push(...otherArguments(result))
  return args
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

/** One argument, since it is nearly always the same and seldom read. */
/** As the scripts take it. */
export function keepArgument({ succeeded, cancelled, dead }: KeepPolicy): string {
  return JSON.stringify([succeeded, cancelled, dead].flatMap(keptArguments))
}

export function keptArguments({ count, ageMs }: Kept): [number, number] {
  return [Math.max(0, Math.floor(Math.min(count, Number.MAX_SAFE_INTEGER))), Math.round(Math.min(ageMs, FOREVER_MS))]
}

function withoutLease({ results }: Exchange): Exchanged {
  return { jobs: [], refused: results.map(({ job }) => job.id), againInMs: null, leased: false }
}

function toExchanged([, again, refused, fence, ids, values, histories]: Answer): Exchanged {
  const jobs: ClaimedJob[] = []
  for (let index = 0; index < ids.length; index++) {
    const value = values[index]
    // Somebody else has been at the store: there is no job of this id any more.
    if (value !== null && value !== undefined) jobs.push(toJob(ids[index] ?? '', fence, value, histories[index]))
  }
  return { jobs, refused, againInMs: again < 0 ? null : again, leased: true }
}

function toJob(id: string, fence: string, value: string, history: string | null | undefined): ClaimedJob {
  const { addedAt, body, settings, priority, group, parent } = unpack(value)
  const { f, c } = history === null || history === undefined ? NO_HISTORY : (JSON.parse(history) as typeof NO_HISTORY)
  return { id, body, settings, priority, group, parent, fence, failures: f, crashes: c, addedAt }
}
const NO_HISTORY = { f: 0, c: 0 }
