import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { event, eventWorld, spec } from '../support/event-world.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { waitFor } from '../support/wait-for.ts'

expectNoChildProcesses()

const program = fileURLToPath(new URL('../support/event-consumer.ts', import.meta.url))

/** Starts the consumer again and again, as a supervisor does. */
function supervise(url: string, subscription: string) {
  const lines: string[] = []
  let deaths = 0
  let stopped = false
  let child: ChildProcess
  const start = () => {
    child = spawn(process.execPath, ['--import', 'tsx', program, url, subscription, '100'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child.stdout?.on('data', (chunk: Buffer) => lines.push(...chunk.toString('utf8').trim().split('\n')))
    child.once('exit', (_code, signal) => {
      if (signal === 'SIGKILL') deaths += 1
      if (!stopped) start()
    })
  }
  start()
  return {
    lines,
    deaths: () => deaths,
    stop: async () => {
      stopped = true
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    },
  }
}

test.each(['none', 'strict'] as const)(
  'order %s: a crash loop with prefetch 100 kills the culprit after three deaths, and none of ten innocents',
  async (order) => {
    await using world = await eventWorld()
    const driver = world.driver()
    await driver.apply(spec('c', ['c'], order))
    const all = Array.from({ length: 11 }, (_, n) => event('c', { n, poison: n === 4 }, { key: `k${n}` }))
    await driver.publish(all)
    const supervisor = supervise(world.vhost.url, 'c')
    try {
      const innocent = all.map((_each, n) => `done ${n}`).filter((line) => line !== 'done 4')
      await waitFor('the end of the loop', () => supervisor.lines.includes('dead 4'), 90_000)
      await waitFor('all innocents', () => innocent.every((line) => supervisor.lines.includes(line)), 60_000)
    } finally {
      await supervisor.stop()
    }
    expect(supervisor.deaths()).toBe(3)
    const { letters } = await driver.deadLetters('c', { limit: 20 })
    expect(letters.map(({ id, reason, crashes }) => [id, reason, crashes])).toEqual([[all[4]?.id, 'crashes', 3]])
    expect((await driver.stats('c')).waiting).toBe(0)
  },
)
