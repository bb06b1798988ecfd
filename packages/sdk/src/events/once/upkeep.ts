import type { Clock } from '../../queue/clock.ts'
import type { Once } from './once.ts'

/** So often it is looked for what is too old. */
export const CLEAN_EVERY_MS = 60_000

/** Cleans now and then until stopped; a failure is told, and tried again at the next time. @returns stops it, and waits for what is under way */
export function keepClean(once: Once, clock: Clock, onError: (error: Error) => void): () => Promise<void> {
  let stopped = false
  let cancel: (() => void) | null = null
  let running: Promise<void> = Promise.resolve()
  const clean = async (): Promise<void> => {
    try {
      await once.clean()
    } catch (error) {
      onError(error instanceof Error ? error : new Error(String(error)))
    }
    plan()
  }
  const begin = (): void => {
    running = clean()
  }
  const plan = (): void => {
    if (!stopped) cancel = clock.after(CLEAN_EVERY_MS, begin, true)
  }
  plan()
  return async () => {
    stopped = true
    cancel?.()
    await running
  }
}
