import { expect, test } from 'vitest'
import { memoryQueues } from '../../../../test/support/memory-queues.ts'
import { openMemoryQueueDriver } from '../drivers/memory/index.ts'
import { Queue } from './queue.ts'

const open = memoryQueues()

/** What is tried with a queue, and the option that was probably meant. */
type Slip = [what: string, does: () => unknown, message: string, hint: string]

const driver = openMemoryQueueDriver()
const data = {}
const as = (value: unknown): never => value as never

const slips: Slip[] = [
  [
    'new Queue',
    () => new Queue('q', as({ driver, payloadlimit: 5 })),
    'new Queue has no option "payloadlimit"',
    'Did you mean "payloadLimit"?',
  ],
  [
    "BullMQ's connection",
    () => new Queue('q', as({ driver, connection: { host: 'redis' } })),
    'new Queue has no option "connection"',
    'There are: url, driver, namespace,',
  ],
  [
    'defaults',
    () => new Queue('q', { driver, defaults: as({ atempts: 2 }) }),
    'defaults of a queue has no option "atempts"',
    'Did you mean "attempts"?',
  ],
  [
    'an option of one job among the defaults',
    () => new Queue('q', { driver, defaults: as({ delay: 5 }) }),
    'defaults of a queue has no option "delay"',
    'There are: attempts, backoff, timeout, priority.',
  ],
  ['add', () => open().add(data, as({ dealy: 5 })), 'a job has no option "dealy"', 'Did you mean "delay"?'],
  ['backoff', () => open().add(data, { backoff: as({ typ: 'fixed' }) }), 'backoff has no option "typ"', 'There are:'],
  [
    'addBulk',
    () => open().addBulk([{ data }, as({ data, opts: { delay: 1 } })]),
    'an item of addBulk has no option "opts"',
    'There are: data, options.',
  ],
  [
    "a bulk job's own options",
    () => open().addBulk([{ data, options: as({ prority: 1 }) }]),
    'a job has no option "prority"',
    'Did you mean "priority"?',
  ],
  [
    'addFlow',
    () => open().addFlow({ data, children: [as({ data, tolerent: true })] }),
    'a job of a flow has no option "tolerent"',
    'Did you mean "tolerant"?',
  ],
  [
    'schedule',
    () => open().schedule('k', '0 3 * * *', as({ data, timeZone: 'Europe/Berlin' })),
    'schedule has no option "timeZone"',
    'Did you mean "timezone"?',
  ],
  [
    'process',
    () => open().process(() => undefined, as({ concurency: 5 })),
    'process has no option "concurency"',
    'Did you mean "concurrency"?',
  ],
  [
    'process with what only processBatch takes',
    () => open().process(() => undefined, as({ batch: { size: 5 } })),
    'process has no option "batch"',
    'There are:',
  ],
  [
    'keep',
    () => open().process(() => undefined, { keep: as({ succeded: { count: 1 } }) }),
    'keep has no option "succeded"',
    'Did you mean "succeeded"?',
  ],
  [
    'a kind of keep',
    () => open().process(() => undefined, { keep: { dead: as({ ages: '1d' }) } }),
    'keep.dead has no option "ages"',
    'Did you mean "age"?',
  ],
  [
    'batch',
    () => open().processBatch(() => undefined, { batch: as({ size: 5, waits: 1 }) }),
    'batch has no option "waits"',
    'Did you mean "wait"?',
  ],
  [
    'configure',
    () => open().configure(as({ groupConcurency: 2 })),
    'configure has no option "groupConcurency"',
    'Did you mean "groupConcurrency"?',
  ],
  [
    'a rate',
    () => open().configure({ rate: as({ limit: 5, per: '1s', burst: 2 }) }),
    'rate has no option "burst"',
    'There are: limit, per.',
  ],
  [
    'finished',
    () => open().finished('id', as({ timeOut: 5 })),
    'finished has no option "timeOut"',
    'Did you mean "timeout"?',
  ],
  [
    'redrive',
    () => open().redrive(as({ reson: 'crashes' })),
    'redrive has no option "reson"',
    'Did you mean "reason"?',
  ],
  ['list', () => open().list(as({ state: 'dead', limt: 5 })), 'list has no option "limt"', 'Did you mean "limit"?'],
  ['edit', () => open().edit('id', as({ prio: 1 })), 'edit has no option "prio"', 'There are: data, priority.'],
  [
    "the data of BullMQ's add(name, data) in the place of the options",
    () => open<unknown>().add('resize', as({ fileId: 7 })),
    'a job has no option "fileId"',
    'There are:',
  ],
  ['options that are no object', () => open().add(data, as('5s')), 'a job takes an object of options', 'Correct'],
]

test.each(slips)('%s refuses an option that it does not know', async (_what, does, message, hint) => {
  await expect((async () => does())()).rejects.toMatchObject({
    code: 'invalid_option',
    message: expect.stringContaining(message),
    hint: expect.stringContaining(hint),
  })
})

test('nothing of a bulk or flow is added when one of it is refused', async () => {
  const queue = open()
  const bad = as({ data, optons: {} })
  await expect(queue.addBulk([{ data }, bad])).rejects.toMatchObject({ code: 'invalid_option' })
  await expect(queue.addFlow({ data, children: [{ data }, bad] })).rejects.toMatchObject({ code: 'invalid_option' })
  expect(await queue.counts()).toMatchObject({ queued: 0, scheduled: 0 })
})

test.each([0, -1, 1.5, Number.NaN, '1mb'])('payloadLimit %s is refused', (payloadLimit) => {
  expect(() => open({ payloadLimit: as(payloadLimit) })).toThrow(expect.objectContaining({ code: 'invalid_option' }))
})

test.each(['', 'a b', '-a', 'ä', 'x'.repeat(129), as(5)])('"%s" is no name of a queue', async (name) => {
  expect(() => open({}, name)).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  await expect(open().addFlow({ data, children: [{ queue: name, data }] })).rejects.toMatchObject({
    code: 'invalid_option',
  })
})

test("Bull's order of the arguments of process is refused", () => {
  expect(() =>
    open().process(
      as(10),
      as(() => undefined),
    ),
  ).toThrow(expect.objectContaining({ code: 'invalid_option' }))
})
