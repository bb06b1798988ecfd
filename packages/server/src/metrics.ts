import { watchEventLoopLag, WITHOUT_LAG_SAMPLES } from './event-loop-lag.ts'
import type { Executor } from './executor/executor.ts'
import { QueueGauges } from './queues/queue-gauges.ts'
import type { QueueReading } from './queues/queue-reader.ts'
import type { EndedWork } from './executor/ports.ts'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** What the database knows at the moment of a scrape. */
export interface Gauges {
  readonly cronjobs: number
  readonly scheduled: number
  readonly queued: number
  readonly running: number
  readonly retrying: number
  /** Missed ticks recorded since the last scrape. */
  readonly newlyMissed: number
}

type TakesRuns = Pick<Executor, 'reserve' | 'take'>

/** Names: Prometheus naming page (base units, `_total`, one prefix). No ids as labels: they would never end. */
const HTTP_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]
const DELAY_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300]
const DURATION_BUCKETS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600]

/** The counters of this process; those of several servers are added up by Prometheus. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #active = this.#gauge('panda_runs_active', 'Runs that have not ended, in the whole installation.', ['state'])
  readonly #cronjobs = this.#gauge('panda_cronjobs', 'Cronjobs in the whole installation.', [])

  readonly httpDuration = this.#histogram(
    'panda_http_request_duration_seconds',
    'API calls. A live log counts until it is closed.',
    ['method', 'route', 'status'],
    HTTP_BUCKETS,
  )
  readonly streams = this.#gauge('panda_streams_open', 'Live logs that are being followed on this server.', [])
  readonly runs = this.#counter('panda_runs_total', 'Runs that ended on this server.', ['trigger', 'outcome'])
  readonly retries = this.#counter(
    'panda_run_retries_total',
    'Attempts that ended badly and are followed by another.',
    [],
  )
  readonly runDuration = this.#histogram(
    'panda_run_duration_seconds',
    'Last attempt of a run, from its claim by this server (pulling the image is in it) to the record of its end.',
    ['outcome'],
    DURATION_BUCKETS,
  )
  readonly cronDelay = this.#histogram(
    'panda_cron_delay_seconds',
    'From the due time of a tick to its start on this server. Ticks that had to wait for a slot are not in it.',
    [],
    DELAY_BUCKETS,
  )
  readonly cronMissed = this.#counter(
    'panda_cron_missed_total',
    'Ticks recorded as missed in the whole installation since this server started: take the maximum of several servers.',
    [],
  )
  readonly alertsSent = this.#counter('panda_alerts_sent_total', 'Tries to deliver an alert.', ['channel', 'outcome'])

  readonly #queues = new QueueGauges(this.#registry)

  constructor() {
    collectDefaultMetrics({ register: this.#registry, ...WITHOUT_LAG_SAMPLES })
    watchEventLoopLag(this.#registry)
  }

  /** The executor as the scheduler sees it, with the lateness of each tick that it is handed. */
  watchTake(executor: TakesRuns): TakesRuns {
    return {
      reserve: (wanted) => executor.reserve(wanted),
      take: (runs) => {
        const nowMs = Date.now()
        for (const run of runs) this.cronDelay.observe(Math.max(0, nowMs - run.dueAt.getTime()) / 1000)
        executor.take(runs)
      },
    }
  }

  noteEnd({ trigger, state, durationMs }: EndedWork): void {
    if (state === 'retrying') return this.retries.inc()
    this.runs.inc({ trigger, outcome: state })
    this.runDuration.observe({ outcome: state }, durationMs / 1000)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** The exposition text. @param gauges null while the database is away: the gauges are left out then, not zero */
  async text(gauges: Gauges | null, queues: QueueReading): Promise<string> {
    this.#queues.set(queues)
    this.#active.reset()
    this.#cronjobs.reset()
    if (gauges !== null) {
      for (const state of ['scheduled', 'queued', 'running', 'retrying'] as const) {
        this.#active.set({ state }, gauges[state])
      }
      this.#cronjobs.set(gauges.cronjobs)
      this.cronMissed.inc(gauges.newlyMissed)
    }
    return this.#registry.metrics()
  }

  #counter<T extends string>(name: string, help: string, labelNames: T[]): Counter<T> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] })
  }

  #gauge<T extends string>(name: string, help: string, labelNames: T[]): Gauge<T> {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] })
  }

  #histogram<T extends string>(name: string, help: string, labelNames: T[], buckets: number[]): Histogram<T> {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.#registry] })
  }
}
