/** The compiled SDK, as applications run it: tsx would change every closure. `npm run build` makes it. */
import type { Queue as QueueClass } from '../../../packages/sdk/src/queue/index.ts'

const built = (await import(new URL('../../../packages/sdk/dist/index.js', import.meta.url).href)) as {
  Queue: typeof QueueClass
}

export const { Queue } = built

const NOTHING = { count: 0 }
/** Finished jobs are removed, as the rivals are told to. */
export const KEEP = { succeeded: NOTHING, cancelled: NOTHING, dead: NOTHING }
