import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import type { UnitUsage } from '../driver.ts'
import { MEMORY_BYTES, runToEnd, type SuiteContext } from './harness-contract.ts'

const MIB = 1024 * 1024
/** CPU time that a busy unit has for certain at some time, also on a machine that is not quiet. */
const WORKED_NS = 50_000_000

async function usageOf({ driver }: SuiteContext, name: string): Promise<UnitUsage> {
  const usage = (await driver.usage([name])).get(name)
  if (usage === undefined) throw new Error(`nothing is told of ${name}`)
  return usage
}

/** Until the numbers are those of a unit at work; what they are in the end is up to the test. */
async function usageWhen(context: SuiteContext, name: string, reached: (usage: UnitUsage) => boolean) {
  const limit = performance.now() + 60_000
  for (;;) {
    const usage = await usageOf(context, name)
    if (reached(usage) || performance.now() > limit) return usage
    await delay(100)
  }
}

/** Memory and CPU. */
export const usageTests: Record<string, (context: SuiteContext) => Promise<void>> = {
  'tells what units use: memory within the limit, CPU time that grows with the work': async (context) => {
    const busy = context.unit({ kind: 'busy' })
    const idle = context.unit({ kind: 'sleep', seconds: 120 })
    await context.driver.start(busy)
    await context.driver.start(idle)
    const has = (least: number, cpu: number) => (usage: UnitUsage) =>
      (usage.memoryBytes ?? 0) >= least && (usage.cpuNanoseconds ?? 0) >= cpu
    const first = await usageWhen(context, busy.name, has(24 * MIB, WORKED_NS))
    const then = (first.cpuNanoseconds ?? 0) + WORKED_NS
    const second = await usageWhen(context, busy.name, has(0, then))
    const both = await context.driver.usage([busy.name, idle.name])
    await context.driver.remove(busy.name)
    await context.driver.remove(idle.name)

    expect(first.memoryBytes).toBeGreaterThanOrEqual(24 * MIB)
    expect(first.memoryBytes).toBeLessThanOrEqual(MEMORY_BYTES)
    expect(first.memoryLimitBytes).toBe(context.driver.capabilities.isolation ? MEMORY_BYTES : null)
    expect(second.cpuNanoseconds).toBeGreaterThanOrEqual(then)
    expect(second.atMs).toBeGreaterThan(first.atMs)
    const cores = ((second.cpuNanoseconds ?? 0) - (first.cpuNanoseconds ?? 0)) / ((second.atMs - first.atMs) * 1e6)
    expect(cores, 'it has one thread').toBeLessThan(1.3)
    expect([...both.keys()].toSorted()).toEqual([busy.name, idle.name].toSorted())
    const [ofBusy, ofIdle] = [both.get(busy.name), both.get(idle.name)]
    expect(ofIdle?.memoryBytes).toBeLessThan(ofBusy?.memoryBytes ?? 0)
    expect(ofIdle?.cpuNanoseconds).toBeLessThan(ofBusy?.cpuNanoseconds ?? 0)
  },

  'leaves out units that do not run, and those that are not there': async (context) => {
    const ended = context.unit({ kind: 'exit', code: 0 })
    const created = context.unit({ kind: 'sleep', seconds: 60 })
    const missing = context.unit({ kind: 'sleep', seconds: 60 })
    await runToEnd(context, ended)
    await context.harness.createOnly(created)
    expect(await context.driver.usage([ended.name, created.name, missing.name])).toEqual(new Map())
    expect(await context.driver.usage([])).toEqual(new Map())
    await context.driver.remove(ended.name)
    await context.driver.remove(created.name)
  },
}
