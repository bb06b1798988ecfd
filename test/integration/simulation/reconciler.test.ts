import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { checkRuns } from './check-runs.ts'
import { checkTicks } from './check-ticks.ts'
import { adoptionKeepsFence, alwaysSure, type Defect } from './defects.ts'
import { seedsOf, withSeed } from './harness.ts'
import { begin, drain, playStep } from './reconciler-story.ts'
import { openReconcilerWorld, type ReconcilerWorld } from './reconciler-world.ts'

const START = Date.parse('2026-03-29T00:58:00Z')
const STEPS = 60
const DEFAULT_SEEDS = 3
/** A planted defect shows only where a story comes upon it. */
const DEFECT_SEEDS = 16

/** What was accepted as a run's end stays as it is. */
async function noEndChanges(world: ReconcilerWorld, ends: Map<string, string>): Promise<void> {
  const { rows } = await sql<{ id: string; told: string }>`
    select id, concat_ws(' ', state, reason, exit_code, finished_at, attempt, message) as told
    from runs where finished_at is not null`.execute(world.db)
  for (const { id, told } of rows) {
    const before = ends.get(id) ?? told
    if (before !== told) throw new Error(`${id} had ended as "${before}", and now as "${told}"`)
    ends.set(id, told)
  }
}

async function check(world: ReconcilerWorld): Promise<{ runs: number }> {
  const { starts, forgotten, engine } = { ...world, starts: world.engine.starts }
  const left = [...engine.list()].map((unit) => unit.spec.name)
  const { runs, mistakes } = await checkRuns(world.db, { starts, forgotten, left }, world.accepted)
  const all = [...(await checkTicks(world.db)).mistakes, ...mistakes]
  if (all.length > 0) throw new Error(`${all.length} mistakes:\n${all.slice(0, 10).join('\n')}`)
  return { runs }
}

/** The ends of all runs without what is not decided by the seed. */
async function outcomeOf(world: ReconcilerWorld): Promise<string[]> {
  const { rows } = await sql<{ told: string }>`
    select concat_ws(' ', c.name, r.trigger, r.due_at, r.state, r.reason, r.exit_code, r.attempt, r.started_at,
      r.finished_at, r.server_id, r.fence) as told
    from runs r join cronjobs c on c.id = r.cronjob_id order by r.due_at, c.name, r.id`.execute(world.db)
  return rows.map((row) => row.told)
}

async function tellStory(seed: number, steps: number, tell: (step: string) => void, defect: Defect | null = null) {
  await using world = await openReconcilerWorld(seed, START, defect)
  const ends = new Map<string, string>()
  await begin(world)
  for (let step = 0; step < steps; step++) {
    tell(`${step} ${new Date(world.time.now()).toISOString()} ${await playStep(world)}`)
    await noEndChanges(world, ends)
  }
  tell('drain')
  await drain(world)
  await noEndChanges(world, ends)
  const { runs } = await check(world)
  return { runs, started: world.engine.starts.size, outcome: await outcomeOf(world) }
}

/** What the checker has to say of a story in which the servers have that defect. */
async function mistakesOf(seed: number, defect: Defect): Promise<string> {
  try {
    await tellStory(seed, STEPS, () => undefined, defect)
    return ''
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

describe('simulation of the reconciler: servers that die and freeze, store faults, an engine that goes and forgets', () => {
  it.each(seedsOf(DEFAULT_SEEDS))('seed %i: each run ends once, as its unit did, and nothing is left', async (seed) => {
    await withSeed(seed, async (tell) => {
      const { runs, started } = await tellStory(seed, STEPS, tell)
      expect(runs).toBeGreaterThan(0)
      expect(started).toBeGreaterThan(0)
    })
  })

  // A checker that finds nothing in a broken server proves nothing about a sound one.
  it.each([
    { plant: adoptionKeepsFence, what: 'an adoption that does not raise the fence' },
    { plant: alwaysSure, what: 'a server that is always sure of its runs' },
  ])('notices $what', async ({ plant }) => {
    const told: string[] = []
    let noticed = 0
    for (let seed = 1; seed <= DEFECT_SEEDS && noticed === 0; seed++) {
      const defect = plant()
      const mistakes = await mistakesOf(seed, defect)
      expect(defect.planted()).toBeGreaterThan(0)
      if (defect.noticed.test(mistakes)) noticed++
      told.push(`seed ${seed}: ${mistakes}`)
    }
    expect(noticed, told.join('\n')).toBe(1)
  })

  it('tells the same story for the same seed', async () => {
    const [first, second] = [await tellStory(1, 20, () => undefined), await tellStory(1, 20, () => undefined)]
    expect(second.outcome).toEqual(first.outcome)
  })
})
