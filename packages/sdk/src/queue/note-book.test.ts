import { expect, test, vi } from 'vitest'
import { systemClock } from './clock.ts'
import type { Clock } from './clock.ts'
import type { Note } from './driver.ts'
import { NoteBook } from './note-book.ts'
import { Running } from './running-job.ts'
import type { RunningHost } from './running-job.ts'

const host: RunningHost = {
  queue: 'q',
  note: () => undefined,
  beat: () => undefined,
  children: () => Promise.resolve([]),
}

function aRun(id: string): Running {
  const claim = { id, body: '{}', settings: '', priority: 0, group: null, parent: null, fence: '1' }
  return new Running({ ...claim, failures: 0, crashes: 0, addedAt: 0 }, {}, host)
}

/** Timers go off by hand. */
function handClock(): Clock & { fire(): void; readonly timers: number } {
  let due: (() => void)[] = []
  return {
    ...systemClock,
    after: (_ms, call) => {
      due.push(call)
      return () => undefined
    },
    fire() {
      const now = due
      due = []
      for (const call of now) call()
    },
    get timers() {
      return due.length
    },
  }
}

/** A store that answers when told to. */
function slowStore() {
  const written: Note[] = []
  const answers: { resolve: () => void; reject: (error: Error) => void }[] = []
  const write = (_running: Running, note: Note): Promise<void> => {
    written.push(note)
    return new Promise((resolve, reject) => answers.push({ resolve, reject }))
  }
  return { written, write, answers }
}

test('while the store is away the last thousand lines are kept, in one call under way', async () => {
  const clock = handClock()
  const { written, write, answers } = slowStore()
  const book = new NoteBook(write, clock)
  const run = aRun('a')
  book.add(run, 'first', null)
  clock.fire()
  for (let n = 0; n < 12_345; n += 1) book.add(run, `line ${n}`, JSON.stringify(n))
  clock.fire()
  expect(written).toEqual([{ lines: ['first'] }])
  const finished = book.finish(run)
  answers[0]?.reject(new Error('away'))
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  await vi.waitUntil(() => answers.length === 2)
  answers[1]?.resolve()
  await finished
  expect(warned).toHaveBeenCalledTimes(1)
  warned.mockRestore()
  expect(written).toHaveLength(2)
  expect(written[1]?.progress).toBe('12344')
  expect(written[1]?.lines).toHaveLength(1000)
  expect(written[1]?.lines?.at(-1)).toBe('line 12344')
  expect(book.size).toBe(0)
})

test('what came during a writing goes with the next flush', async () => {
  const clock = handClock()
  const { written, write, answers } = slowStore()
  const book = new NoteBook(write, clock)
  const run = aRun('a')
  book.add(run, 'one', null)
  clock.fire()
  book.add(run, 'two', null)
  clock.fire()
  answers[0]?.resolve()
  await vi.waitUntil(() => clock.timers === 1)
  clock.fire()
  expect(written).toEqual([{ lines: ['one'] }, { lines: ['two'] }])
  answers[1]?.resolve()
  await book.finish(run)
  expect(clock.timers).toBe(0)
})

test('the notes of a lost job are dropped', () => {
  const clock = handClock()
  const { written, write } = slowStore()
  const book = new NoteBook(write, clock)
  const run = aRun('a')
  book.add(run, 'mine', null)
  book.drop(run)
  clock.fire()
  expect([written, book.size]).toEqual([[], 0])
})
