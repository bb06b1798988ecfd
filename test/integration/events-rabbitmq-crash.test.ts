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

test.each([
  ['none', [4]],
  ['strict', [4]],
  ['none', [2, 7]],
] as const)(
  'order %s, poison %j: a crash loop with prefetch 100 kills each culprit after three deaths, and no innocent',
  async (order, culprits: readonly number[]) => {
    await using world = await eventWorld()
    const driver = world.driver()
    await driver.apply(spec('c', ['c'], order))
    const all = Array.from({ length: 11 }, (_, n) => event('c', { n, poison: culprits.includes(n) }, { key: `k${n}` }))
    await driver.publish(all)
    const supervisor = supervise(world.vhost.url, 'c')
    try {
      const innocent = all.flatMap((_each, n) => (culprits.includes(n) ? [] : [`done ${n}`]))
      const isOver = () => culprits.every((n) => supervisor.lines.includes(`dead ${n}`))
      await waitFor('the end of the loop', isOver, 90_000)
      await waitFor('all innocents', () => innocent.every((line) => supervisor.lines.includes(line)), 60_000)
    } finally {
      await supervisor.stop()
    }
    if (culprits.length === 1) expect(supervisor.deaths()).toBe(3)
    const { letters } = await driver.deadLetters('c', { limit: 20 })
    expect(letters.map(({ id, reason, crashes }) => [id, reason, crashes])).toEqual(
      expect.arrayContaining(culprits.map((n) => [all[n]?.id, 'crashes', 3])),
    )
    expect(letters).toHaveLength(culprits.length)
    expect((await driver.stats('c')).waiting).toBe(0)
  },
)
