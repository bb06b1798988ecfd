/**
 * A worker process of one contender, told what to do by its parent. Arguments: contender, URL, concurrency, queues.
 * It says `ready`; on `go` it works until `stop`, and tells of its calls: a count now and then, or (`each`) the time of
 * every one by the clock that all processes of the machine share.
 */
import { Worker } from 'bullmq'
import { KEEP, Queue } from './built-sdk.ts'
import { BATCHED, DEFAULTS, startGraphile } from '../postgres/graphile.ts'
import { bullConnection } from '../redis/bull-queue.ts'

export type Order = { readonly kind: 'go'; readonly each: boolean } | { readonly kind: 'stop' | 'cpu' }
export type Report =
  | { readonly kind: 'ready' | 'going' }
  | { readonly kind: 'calls'; readonly count: number; readonly firstNs: string; readonly lastNs: string }
  | { readonly kind: 'cpu'; readonly micros: number; readonly rssBytes: number }

const [who = '', url = '', concurrency = '1', queues = '1'] = process.argv.slice(2)
const names = Array.from({ length: Number(queues) }, (_, n) => (n === 0 ? 'bench' : `bench-${n}`))
const TELL_EVERY_MS = 20
let count = 0
let firstNs = 0n
let lastNs = 0n
let told = 0

function tell(report: Report): void {
  process.send?.(report)
}

function tellCalls(): void {
  if (count === told) return
  told = count
  tell({ kind: 'calls', count, firstNs: String(firstNs), lastNs: String(lastNs) })
}

function called(each: boolean): void {
  lastNs = process.hrtime.bigint()
  if (count === 0) firstNs = lastNs
  count += 1
  if (each) tellCalls()
}

/** @returns ends it */
async function start(each: boolean): Promise<() => Promise<unknown>> {
  if (who.startsWith('graphile')) {
    const preset = who === 'graphile, batched' ? BATCHED : DEFAULTS
    return startGraphile(url, preset, Number(concurrency), () => called(each))
  }
  const workers = names.map((name) => (who === 'bullmq' ? startBull(name, each) : startOurs(name, each)))
  const ends = await Promise.all(workers)
  return () => Promise.all(ends.map(async (end) => end()))
}

async function startOurs(name: string, each: boolean): Promise<() => Promise<unknown>> {
  const queue = new Queue(name, { url })
  const handler = (): Promise<void> => Promise.resolve(called(each))
  await queue.process(handler, { concurrency: Number(concurrency), keep: KEEP, handleSignals: false }).started
  return () => queue.close()
}

async function startBull(name: string, each: boolean): Promise<() => Promise<unknown>> {
  const connection = bullConnection(url)
  const handler = (): Promise<void> => Promise.resolve(called(each))
  const worker = new Worker(name, handler, { connection, concurrency: Number(concurrency) })
  worker.on('error', (error) => process.stderr.write(`${error.message}\n`))
  await worker.waitUntilReady()
  return () => worker.close()
}

let end: (() => Promise<unknown>) | undefined
let timer: NodeJS.Timeout | undefined

async function obey(order: Order): Promise<void> {
  if (order.kind === 'go') {
    timer = setInterval(tellCalls, TELL_EVERY_MS)
    if (order.each) timer.unref()
    end = await start(order.each)
    // An idle worker's own timer would be measured as its work.
    if (order.each) clearInterval(timer)
    tell({ kind: 'going' })
  } else if (order.kind === 'cpu') {
    const { user, system } = process.cpuUsage()
    tell({ kind: 'cpu', micros: user + system, rssBytes: process.memoryUsage.rss() })
  } else {
    clearInterval(timer)
    await end?.()
    process.exit(0)
  }
}

process.on('message', (order: Order) => void obey(order))
tell({ kind: 'ready' })
