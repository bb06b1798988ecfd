import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Gauge, type Registry } from 'prom-client'

/** A sample is taken so often. prom-client's own 10 ms wake an idle process a hundred times a second: 0.6 % of a core. */
const RESOLUTION_MS = 100
/** The longest timer that there is, for a histogram that nobody wants. */
const NEVER_MS = 2 ** 31 - 1
const QUANTILES = [0.5, 0.99, 1] as const

/** Given to `collectDefaultMetrics`, with {@link watchEventLoopLag} in place of what is then missing. */
export const WITHOUT_LAG_SAMPLES = { eventLoopMonitoringPrecision: NEVER_MS }

/** Those of prom-client that say nothing without its samples. */
const EMPTY = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map(
  (name) => `nodejs_eventloop_lag_${name}_seconds`,
)

/** How late timers of this process were since the last scrape: a call that blocks the event loop is seen here. */
export function watchEventLoopLag(registry: Registry): void {
  for (const name of EMPTY) registry.removeSingleMetric(name)
  const samples = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  samples.enable()
  // oxlint-disable-next-line no-new -- it is in the registry
  new Gauge({
    name: 'panda_event_loop_lag_seconds',
    help: 'How late timers of this process were since the last scrape, of samples each 100 ms; quantile 1 is the latest.',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      for (const quantile of QUANTILES)
        this.set({ quantile: String(quantile) }, lagSeconds(samples.percentile(quantile * 100)))
      samples.reset()
    },
  })
}

/** A sample is the time between two timers, in nanoseconds; what is above the time that was asked for is lag. */
function lagSeconds(sampleNs: number): number {
  const lag = sampleNs / 1e9 - RESOLUTION_MS / 1000
  return Number.isFinite(lag) ? Math.max(0, lag) : 0
}
