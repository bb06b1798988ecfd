import { setTimeout as delay } from 'node:timers/promises'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { watchEventLoopLag, WITHOUT_LAG_SAMPLES } from './event-loop-lag.ts'

function watched(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, ...WITHOUT_LAG_SAMPLES })
  watchEventLoopLag(registry)
  return registry
}

/** Of the quantile 1, in seconds. */
async function latest(registry: Registry): Promise<number> {
  const line = (await registry.metrics())
    .split('\n')
    .find((text) => text.startsWith('panda_event_loop_lag_seconds{quantile="1"}'))
  return Number(line?.split(' ')[1])
}

it('tells of a call that blocked the event loop, once', async () => {
  const registry = watched()
  await delay(250)
  const end = performance.now() + 600
  while (performance.now() < end);
  await delay(150)
  // A sample begins up to 100 ms before the block, so that much may be hidden in it.
  expect(await latest(registry)).toBeGreaterThan(0.4)
  expect(await latest(registry)).toBe(0)
})

it('names none of the figures that would need samples each 10 ms', async () => {
  const names = (await watched().metrics()).match(/^# HELP \S+/gm) ?? []
  expect(names.filter((name) => /eventloop|event_loop/.test(name))).toEqual([
    '# HELP nodejs_eventloop_lag_seconds',
    '# HELP panda_event_loop_lag_seconds',
  ])
})
