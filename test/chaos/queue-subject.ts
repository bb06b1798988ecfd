import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Queue } from '../../packages/sdk/src/queue/index.ts'
import type { JobState } from '../../packages/sdk/src/queue/states.ts'
import type { StoreLists } from './queue-checker.ts'

/** A queue library under test, as its producer and whoever looks at its store see it. The worker is a module of its own. */
export interface QueueSubject {
  readonly name: string
  /** The worker's module, see queue-worker.mjs. */
  readonly worker: string
  /** @param url through the proxy that is cut */
  open(url: string): Promise<OpenSubject>
}

export interface OpenSubject extends AsyncDisposable {
  /** Adds job `n`, and repeats it safely until it is acknowledged. @returns its id in the store */
  add(n: number): Promise<string>
  /** How many are still to end. */
  unfinished(): Promise<number>
  lists(): Promise<StoreLists>
}

const OPEN: readonly JobState[] = ['scheduled', 'queued', 'running', 'retrying']
const PAUSE_MS = 100

export const panda: QueueSubject = {
  name: 'PandaStack',
  worker: join(import.meta.dirname, 'queue-work-panda.mjs'),
  open: (url) => Promise.resolve(openPanda(new Queue<{ n: number }>('chaos', { url }))),
}

function openPanda(queue: Queue<{ n: number }>): OpenSubject {
  const ids = async (state: JobState): Promise<string[]> => {
    const all: string[] = []
    let cursor: string | null = null
    do {
      const page: Awaited<ReturnType<typeof queue.list>> = await queue.list({
        state,
        limit: 1000,
        ...(cursor !== null && { cursor }),
      })
      all.push(...page.jobs.map(({ id }) => id))
      cursor = page.cursor
    } while (cursor !== null)
    return all
  }
  return {
    async add(n) {
      for (;;) {
        try {
          return (await queue.add({ n }, { idempotencyKey: `job-${n}` })).id
        } catch (error) {
          if ((error as { code?: string }).code !== 'store_away') throw error
        }
        await delay(PAUSE_MS)
      }
    },
    async unfinished() {
      const counts = await queue.counts()
      return OPEN.reduce((sum, state) => sum + counts[state], 0)
    },
    async lists() {
      const { totals } = await queue.stats()
      return {
        accepted: await ids('succeeded'),
        acceptances: totals.succeeded,
        open: (await Promise.all(OPEN.map(ids))).flat(),
        dead: await ids('dead'),
      }
    },
    [Symbol.asyncDispose]: () => queue.close(),
  }
}
