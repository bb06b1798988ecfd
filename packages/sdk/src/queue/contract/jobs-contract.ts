import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { JobRecord, KeepPolicy, Kept, NewJob, QueueDriver } from '../driver.ts'
import type { JobState } from '../states.ts'
import type { QueueContext } from './harness-contract.ts'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const ID_LENGTH = 26
const RANDOM_BITS = 80n
export const HOUR = 3_600_000
export const KEEP: Kept = { count: 100_000, ageMs: 24 * HOUR }
export const KEEP_ALL: KeepPolicy = { succeeded: KEEP, cancelled: KEEP, dead: KEEP }
const NONE: Kept = { count: 0, ageMs: 0 }
export const KEEP_NONE: KeepPolicy = { succeeded: NONE, cancelled: NONE, dead: NONE }

/** What a store might mistake for its own syntax, or a driver for a part of its own names. */
export const HOSTILE_NAMES = [
  '__proto__',
  'constructor',
  'a:b',
  'a',
  'a:',
  '{x}:y',
  '}{',
  `it's "quoted" \`so\``,
  'line\nbreak\ttab\r',
  '*?[a-z]',
  '%s$1:1?',
  '\\back\\slash',
  "'; drop table jobs; --",
  ' space ',
  'ü🐼\u2028\u00e9',
  '0',
  'null',
  'long'.repeat(50),
]

/** Braces are left out: they mark a queue's slot in a Redis cluster. */
export const HOSTILE_QUEUES = HOSTILE_NAMES.filter((name) => !/[{}]/.test(name))

let last = 0n

/** A ULID in lower case, larger than all before it. */
export function newId(): string {
  const random = BigInt(`0x${randomBytes(8).toString('hex')}`)
  const fresh = (BigInt(Date.now()) << RANDOM_BITS) | random
  last = fresh > last ? fresh : last + 1n
  let rest = last
  let text = ''
  for (let index = 0; index < ID_LENGTH; index += 1) {
    text = (ALPHABET[Number(rest & 31n)] ?? '') + text
    rest >>= 5n
  }
  return text
}

export function newJob(change: Partial<NewJob> = {}): NewJob {
  const plain = { body: '{"n":1}', settings: '', priority: 0, group: null, delayMs: 0, runAt: null }
  return { id: newId(), ...plain, key: null, parent: null, children: [], ...change }
}

/** Adds so many and gives their ids; the change may depend on the index. */
export async function addJobs(
  context: QueueContext,
  count: number,
  change: Partial<NewJob> | ((index: number) => Partial<NewJob>) = {},
): Promise<string[]> {
  const jobs = Array.from({ length: count }, (_, index) =>
    newJob(typeof change === 'function' ? change(index) : change),
  )
  await context.driver.add(context.queue, jobs)
  return jobs.map((job) => job.id)
}

export async function addJob(context: QueueContext, change: Partial<NewJob> = {}): Promise<string> {
  const [id] = await addJobs(context, 1, change)
  return id ?? ''
}

export async function recordOf(driver: QueueDriver, queue: string, id: string): Promise<JobRecord> {
  const [record] = await driver.get(queue, [id])
  if (record === null || record === undefined) throw new Error(`queue ${queue} has no job ${id}`)
  return record
}

export async function stateOf(driver: QueueDriver, queue: string, id: string): Promise<JobState | null> {
  const [record] = await driver.get(queue, [id])
  return record?.state ?? null
}

/** Counts of the states that have any. */
export async function countsOf(driver: QueueDriver, queue: string): Promise<Partial<Record<JobState, number>>> {
  const { counts } = await driver.stats(queue)
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
}

export async function expectCode(call: Promise<unknown>, code: string): Promise<void> {
  await expect(call).rejects.toMatchObject({ name: 'PandaError', code })
}
