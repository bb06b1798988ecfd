import { expect } from 'vitest'
import type { RuntimeDriver } from '../driver.ts'
import type { SuiteContext } from './harness-contract.ts'
import { exitOf } from './harness-contract.ts'

const GRACE_MS = 1000
const SLACK_MS = 15_000

async function untilFirstLine(driver: RuntimeDriver, name: string): Promise<void> {
  for await (const chunk of driver.logs(name, { after: null, follow: true })) {
    if (chunk.text === 'ready') return
  }
  throw new Error(`${name} ended before it was ready`)
}

/** Stop, remove, list, watch, abort. */
export const stopTests: Record<string, (context: SuiteContext) => Promise<void>> = {
  'stops by SIGTERM and keeps the exit code of the program': async (context) => {
    const unit = context.unit({ kind: 'trap-term', code: 42 })
    await context.driver.start(unit)
    await untilFirstLine(context.driver, unit.name)
    const began = performance.now()
    await context.driver.stop(unit.name, 30_000)
    expect(performance.now() - began).toBeLessThan(SLACK_MS)
    expect(exitOf(await context.driver.inspect(unit.name))).toMatchObject({ code: 42, outOfMemory: false })
  },

  'kills after the grace what ignores SIGTERM': async (context) => {
    const unit = context.unit({ kind: 'ignore-term' })
    await context.driver.start(unit)
    await untilFirstLine(context.driver, unit.name)
    const began = performance.now()
    await context.driver.stop(unit.name, GRACE_MS)
    const took = performance.now() - began
    expect(took).toBeGreaterThanOrEqual(GRACE_MS * 0.9)
    expect(took).toBeLessThan(GRACE_MS + SLACK_MS)
    expect(exitOf(await context.driver.inspect(unit.name))).toMatchObject({ code: 137, outOfMemory: false })
  },

  'takes a stop of what has exited or is gone': async (context) => {
    const unit = context.unit({ kind: 'exit', code: 6 })
    await context.driver.start(unit)
    await context.driver.wait(unit.name)
    await context.driver.stop(unit.name, GRACE_MS)
    expect(exitOf(await context.driver.inspect(unit.name)).code).toBe(6)
    await context.driver.remove(unit.name)
    await context.driver.stop(unit.name, GRACE_MS)
    expect(await context.driver.wait(unit.name)).toBeNull()
  },

  'removes a running unit, once or twice': async (context) => {
    const unit = context.unit({ kind: 'sleep', seconds: 60 })
    await context.driver.start(unit)
    const waiting = context.driver.wait(unit.name)
    await context.driver.remove(unit.name)
    await context.driver.remove(unit.name)
    expect(await context.driver.inspect(unit.name)).toBeNull()
    const end = await waiting
    if (end !== null) expect(exitOf(end).code).toBe(137)
  },

  'lists the units of an installation with their labels, and no others': async (context) => {
    const done = context.unit({ kind: 'exit', code: 0 })
    const running = context.unit({ kind: 'sleep', seconds: 60 })
    const created = context.unit({ kind: 'exit', code: 0 })
    const other = context.unit({ kind: 'sleep', seconds: 60 })
    const foreign = { ...other, labels: { ...other.labels, installation: `${context.harness.installation}-other` } }
    await context.driver.start(done)
    await context.driver.wait(done.name)
    await context.driver.start(running)
    await context.driver.start(foreign)
    await context.harness.createOnly(created)
    const listed = await context.driver.list(context.harness.installation)
    const byName = new Map(listed.map((unit) => [unit.name, unit]))
    expect(byName.get(done.name)).toEqual({ name: done.name, labels: done.labels, state: 'exited' })
    expect(byName.get(running.name)).toEqual({ name: running.name, labels: running.labels, state: 'running' })
    expect(byName.get(created.name)).toEqual({ name: created.name, labels: created.labels, state: 'created' })
    expect(byName.has(foreign.name)).toBe(false)
    const others = await context.driver.list(foreign.labels.installation)
    expect(others.map((unit) => unit.name)).toEqual([foreign.name])
    await Promise.all([running, foreign].map((unit) => context.driver.remove(unit.name)))
  },

  'wakes its watcher when a unit exits': async (context) => {
    const ended = new AbortController()
    const unit = context.unit({ kind: 'ticks', count: 2, everyMs: 500 })
    const woken = firstWake(context, unit.name, ended.signal)
    await context.driver.start(unit)
    expect(await woken).toBe(unit.name)
    ended.abort()
  },

  'ends a watch, a wait, a stop and a start by their signal': async (context) => {
    const reason = new Error('enough')
    const unit = context.unit({ kind: 'ignore-term' })
    await expect(context.driver.start(unit, AbortSignal.abort(reason))).rejects.toBe(reason)
    await context.driver.start(unit)
    await untilFirstLine(context.driver, unit.name)
    const controller = new AbortController()
    const { signal } = controller
    const calls = [
      context.driver.wait(unit.name, signal),
      context.driver.stop(unit.name, 60_000, signal),
      firstWake(context, 'nothing', signal),
      readToEnd(context.driver, unit.name, signal),
    ]
    const settled = Promise.allSettled(calls)
    controller.abort(reason)
    for (const result of await settled) expect(result).toEqual({ status: 'rejected', reason })
    await context.driver.remove(unit.name)
  },
}

async function firstWake(context: SuiteContext, name: string, signal: AbortSignal): Promise<string | undefined> {
  for await (const wake of context.driver.watch(context.harness.installation, signal)) {
    if (wake.name === name) return wake.name
  }
  return undefined
}

async function readToEnd(driver: RuntimeDriver, name: string, signal: AbortSignal): Promise<void> {
  let bytes = 0
  for await (const chunk of driver.logs(name, { after: null, follow: true, signal })) bytes += chunk.text.length
  throw new Error(`the log ended by itself after ${bytes} characters`)
}
