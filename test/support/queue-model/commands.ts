import fc from 'fast-check'
import { expect } from 'vitest'
import type { ChangeOutcome } from '../../../packages/sdk/src/queue/driver.ts'
import { newJob } from '../../../packages/sdk/src/queue/contract/jobs-contract.ts'
import { expectAgreement } from './check.ts'
import type { Model, ModelJob, Outcome } from './model.ts'
import { isFinal } from './model.ts'
import type { Real } from './real.ts'
import { KEEP, LONGER_THAN_SOON_MS, delayOf, resultOf } from './real.ts'

type Command = fc.AsyncCommand<Model, Real>

/** A command that always may run. */
function command(text: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return { check: () => true, run, toString: () => text }
}

export interface Given {
  readonly priority: number
  readonly group: string | null
  readonly delay: 'none' | 'soon' | 'late'
  readonly key: string | null
}

export function add(given: readonly Given[]): Command {
  return command(`add ${JSON.stringify(given)}`, async (model, real) => {
    const jobs = given.map(({ priority, group, delay, key }) =>
      newJob({
        priority,
        group,
        body: '0',
        ...delayOf(delay),
        key: key === null ? null : { value: key, ttlMs: 3_600_000 },
      }),
    )
    const expected = jobs.map((job, index) => {
      const { key, ...rest } = given[index] ?? { priority: 0, group: null, delay: 'none', key: null }
      const holder = key === null ? undefined : model.keys.get(key)
      if (holder !== undefined) return { id: holder, deduplicated: true }
      if (key !== null) model.keys.set(key, job.id)
      model.add(job.id, rest)
      return { id: job.id, deduplicated: false }
    })
    expect(await real.driver.add(real.queue, jobs)).toEqual(expected)
  })
}

/** Records something for some of what the worker is running, in the round trip in which it claims more. */
export function exchange(worker: string, outcomes: readonly (Outcome | null)[], want: number): Command {
  return command(`exchange of ${worker}: ${outcomes.join()}, want ${want}`, async (model, real) => {
    const done = model.running(worker).flatMap(({ id }, index) => {
      const outcome = outcomes[index]
      const claim = real.current.get(id)
      return outcome === undefined || outcome === null || claim === undefined ? [] : [{ id, outcome, claim }]
    })
    await real.renew(worker)
    const answer = await real.exchange(
      worker,
      done.map(({ claim, outcome }) => resultOf(claim.job, outcome)),
      want,
    )
    expect(answer).toMatchObject({ leased: true, refused: [] })
    for (const { id, outcome } of done) if (outcome !== 'released') model.record(id, outcome)
    for (const { id, outcome } of done.toReversed()) if (outcome === 'released') model.record(id, outcome)
    expectClaim(
      model,
      answer.jobs.map((job) => job.id),
      want,
    )
    for (const job of answer.jobs) {
      const { failures, crashes, priority, body, group } = model.jobs.get(job.id) ?? {}
      expect(job).toMatchObject({ failures, crashes, priority, body, group })
      take(model, real, worker, job.id, { worker, job })
    }
  })
}

/** One by one, as each of them changes what may come next. */
function expectClaim(model: Model, ids: readonly string[], want: number): void {
  const { least, most } = model.bounds(want)
  expect(ids.length).toBeGreaterThanOrEqual(least)
  expect(ids.length).toBeLessThanOrEqual(most)
  expect(new Set(ids).size).toBe(ids.length)
}

function take(
  model: Model,
  real: Real,
  worker: string,
  id: string,
  claim: { worker: string; job: Real['claims'][0]['job'] },
) {
  expect(model.objection(id), `claim of ${id}`).toBeNull()
  model.claim(id, worker)
  model.touch(id)
  real.claims.push(claim)
  real.current.set(id, claim)
}

/** A result under a claim that is over, or from somebody else, is refused and changes nothing. */
export function stale(index: number, outcome: Outcome, thief: string | null): Command {
  return command(`stale ${outcome} of claim ${index}${thief === null ? '' : ` by ${thief}`}`, async (model, real) => {
    const claim = real.claims[index % Math.max(1, real.claims.length)]
    if (claim === undefined) return
    const { id } = claim.job
    const sender = thief ?? claim.worker
    const holds = model.jobs.get(id)?.state === 'running' && real.current.get(id) === claim
    if (holds && sender === claim.worker) return
    await real.renew(sender)
    const answer = await real.exchange(sender, [resultOf(claim.job, outcome)], 0)
    expect(answer).toMatchObject({ refused: [id], leased: true, jobs: [] })
  })
}

/** @param end how the worker is gone: without a word, or in good order */
export function goes(worker: string, end: 'crash' | 'leave'): Command {
  return command(`${end} of ${worker}`, async (model, real) => {
    await real.renew(worker, end === 'crash' ? 1 : undefined)
    if (end === 'leave') await real.driverOf(worker).leave(worker, [real.queue])
    else {
      await real.advance(LONGER_THAN_SOON_MS)
      await real.driver.maintain(real.queue)
    }
    model.crash(worker, end === 'crash')
  })
}

export function timePasses(): Command {
  return command('time passes', async (model, real) => {
    await real.advance(LONGER_THAN_SOON_MS)
    await real.driver.maintain(real.queue)
    model.timePasses()
  })
}

type Kind = 'cancel' | 'retry' | 'promote' | 'edit' | 'remove'

/** What a change may answer; two answers where the store may know more than the model. */
function answersTo(kind: Kind, job: ModelJob): ChangeOutcome[] {
  if (kind === 'cancel' && job.state === 'running') return ['requested']
  if (kind === 'cancel') return isFinal(job) ? ['wrong-state'] : ['done']
  if (kind === 'retry') return isFinal(job) ? ['done'] : ['wrong-state']
  if (kind !== 'promote') return job.state === 'running' ? ['wrong-state'] : ['done']
  if (job.soon) return ['done', 'wrong-state']
  return job.state === 'scheduled' || job.state === 'retrying' ? ['done'] : ['wrong-state']
}

export function change(kind: Kind, index: number, priority: number): Command {
  return command(`${kind} of job ${index}, ${priority}`, async (model, real) => {
    const job = [...model.jobs.values()][index % Math.max(1, model.jobs.size)]
    if (job === undefined) return
    const changes = {
      cancel: { kind: 'cancel', reason: 'so', keep: KEEP },
      retry: { kind: 'retry' },
      promote: { kind: 'promote' },
      edit: { kind: 'edit', priority, body: String(priority) },
      remove: { kind: 'remove' },
    } as const
    const [outcome] = await real.driver.change(real.queue, [job.id], changes[kind])
    const answers = answersTo(kind, job)
    expect(answers).toContain(outcome)
    if (kind === 'promote' && job.soon && outcome === 'wrong-state') {
      Object.assign(job, { state: 'queued', soon: false, place: null })
    }
    if (outcome === 'wrong-state') return
    if (kind === 'cancel') model.cancel(job.id)
    else if (kind === 'retry') model.retry(job.id)
    else if (kind === 'promote') model.promote(job.id)
    else if (kind === 'edit') model.edit(job.id, priority, String(priority))
    else model.jobs.delete(job.id)
  })
}

export function configure(settings: {
  paused?: boolean
  concurrency?: number | null
  groupConcurrency?: number
}): Command {
  return command(`configure ${JSON.stringify(settings)}`, async (model, real) => {
    Object.assign(model, settings)
    await real.driver.configure(real.queue, settings)
  })
}

export function look(): Command {
  return command('look', expectAgreement)
}
