/**
 * What becomes of jobs when workers and stores die: this project's queue, BullMQ, pg-boss and Graphile Worker under the
 * same faults (drawn by one seed), judged by the same checker as our own fault tests, which reads the logs of producer and
 * handlers and the lists of the store. Each worker with 20 handlers of 0.2 to 0.6 s; the pace is one that all keep up with.
 *
 *   npm run build && npx tsx --conditions=source bench/queue/faults.ts [redis postgres bullmq pg-boss graphile]
 *
 * PANDA_SEED repeats a run. Writes bench/results/chaos-queue-peers.json and prints the table of docs/guides/queues.md.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { checkQueue, type QueueFigures } from '../../test/chaos/queue-checker.ts'
import { type RunPlan, runUnderFaults } from '../../test/chaos/queue-run.ts'
import { type ChaosStore, postgresStore, redisStore } from '../../test/chaos/queue-stores.ts'
import { panda, type QueueSubject } from '../../test/chaos/queue-subject.ts'
import { keepResult, type ResultFile } from '../../test/chaos/result-file.ts'
import { chooseSeed } from '../../test/chaos/seeded-random.ts'
import { bullmq } from './faults/bullmq.ts'
import { graphile } from './faults/graphile.ts'
import { pgBoss } from './faults/pg-boss.ts'

interface Entry {
  readonly subject: QueueSubject
  readonly store: () => Promise<ChaosStore>
  readonly storeName: string
  /** Whose version is told. */
  readonly package: string
  readonly settings: string
  /** After how long it gives a silent worker's job to another; a stopped worker stands still for longer. */
  readonly leaseMs: number
}

const everysec = () => redisStore('everysec')
const SECOND = 1000
/** Longer than this nobody is waited for. */
const LONGEST_STOP_MS = 33 * SECOND

const ENTRIES: Readonly<Record<string, Entry>> = {
  redis: {
    subject: panda,
    store: everysec,
    storeName: 'Redis',
    package: '../../packages/sdk/package.json',
    settings: 'defaults: lease 10 s',
    leaseMs: 10 * SECOND,
  },
  postgres: {
    subject: panda,
    store: postgresStore,
    storeName: 'PostgreSQL',
    package: '../../packages/sdk/package.json',
    settings: 'defaults: lease 10 s',
    leaseMs: 10 * SECOND,
  },
  bullmq: {
    subject: bullmq,
    store: everysec,
    storeName: 'Redis',
    package: 'bullmq/package.json',
    settings: 'defaults, maxRetriesPerRequest null: lock 30 s, looked at every 30 s, one stall allowed',
    leaseMs: 30 * SECOND,
  },
  'pg-boss': {
    subject: pgBoss,
    store: postgresStore,
    storeName: 'PostgreSQL',
    package: 'pg-boss/package.json',
    settings: 'expiration 30 s (default 15 min), maintenance every 10 s (default 2 min), 10 retries',
    leaseMs: 30 * SECOND,
  },
  graphile: {
    subject: graphile,
    store: postgresStore,
    storeName: 'PostgreSQL',
    package: 'graphile-worker/package.json',
    settings: 'defaults: locks of 4 h',
    leaseMs: 4 * 3600 * SECOND,
  },
}

const PLAN = {
  jobs: 3000,
  workers: 2,
  concurrency: 20,
  handlerMs: [200, 600],
  kills: 20,
  storeKills: 3,
  cuts: 3,
  stops: 2,
  spanMs: 75 * SECOND,
  settleMs: 90 * SECOND,
} as const
/** Ours is held to them in its own tests; here they only count. */
const BOUNDS = { startsPerSilence: PLAN.concurrency, recoveryMs: 15 * SECOND, crashesUntilDead: 3, forgetsMs: 0 }

const RESULTS: ResultFile = {
  name: 'chaos-queue-peers.json',
  claim: 'under the same faults: what is lost, given up, done twice, and how long the jobs of a dead worker wait',
}

const resolve = createRequire(import.meta.url)
const seed = chooseSeed()
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(ENTRIES)
console.log(`PANDA_SEED=${seed}`)
console.log(
  '| | lost | given up | still held | doubled | extra starts | extra effects | crashed by themselves | recovery, median | longest |',
)
console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |')
for (const name of names) {
  const entry = ENTRIES[name]
  if (entry === undefined) throw new Error(`no such queue: ${name}. There are ${Object.keys(ENTRIES).join(', ')}`)
  console.log(await measure(name, entry))
}

/** @returns its line of the table */
async function measure(name: string, entry: Entry): Promise<string> {
  const { subject, store, storeName, settings, leaseMs } = entry
  const plan: RunPlan = { ...PLAN, stopMs: Math.min(leaseMs + 3 * SECOND, LONGEST_STOP_MS) }
  const { figures, violations } = checkQueue(await runUnderFaults(subject, store, plan, seed), BOUNDS)
  const version = versionOf(entry.package)
  const { handlerMs, ...numbers } = plan
  keepResult(RESULTS, name, {
    name: subject.name,
    version,
    store: storeName,
    settings,
    seed,
    ...numbers,
    handlerMs: handlerMs.join('-'),
    ...figures,
  })
  for (const { rule, detail } of violations.slice(0, 10)) process.stderr.write(`${name}: ${rule}: ${detail}\n`)
  return row(`${subject.name} ${version}, ${storeName}`, figures)
}

function row(name: string, figures: QueueFigures): string {
  const longest = Math.max(figures.recoveryMaxMs, figures.recoveryOverOutageMaxMs)
  const seconds = (ms: number): string => `${(ms / SECOND).toFixed(1)} s`
  const end = figures.unrecovered === 0 ? seconds(longest) : `> ${seconds(longest)}`
  const { lost, dead, stuck, acceptedTwice, jobsDoubled, extraStarts, extraEffects, workersEnded, recoveryMedianMs } =
    figures
  const cells = [
    lost,
    dead,
    stuck,
    acceptedTwice + jobsDoubled,
    extraStarts,
    extraEffects,
    workersEnded,
    seconds(recoveryMedianMs),
  ]
  return `| ${[name, ...cells, end].join(' | ')} |`
}

function versionOf(file: string): string {
  return (JSON.parse(readFileSync(resolve.resolve(file), 'utf8')) as { version: string }).version
}
