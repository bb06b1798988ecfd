import { setImmediate as nextTurn } from 'node:timers/promises'
import { formatDuration, type PullPolicy } from '@pandastack/contract'
import { type EnsuredImage, RuntimeError } from '../runtime/driver.ts'
import type { AttemptContext } from './attempt-context.ts'
import type { PreparedRun } from './prepared-run.ts'
import type { RunControl } from './run-control.ts'
import { imageOf, registryAuthOf } from './unit-spec.ts'

/** A pull that takes longer is given up. */
export const PULL_LIMIT_MS = 30 * 60_000
/** Only what takes longer is shown as the phase `pulling`; an image that is there costs no write. */
const SHOW_PULL_AFTER_MS = 300

/**
 * Makes the run's image present. A replay asks for the digest of then.
 *
 * @throws RuntimeError what the registry said, `registry-away` after {@link PULL_LIMIT_MS}
 */
export async function ensureImage(
  context: AttemptContext,
  run: PreparedRun,
  control: RunControl,
  pull: PullPolicy,
): Promise<EnsuredImage> {
  const giveUp = new AbortController()
  control.onCut(() => giveUp.abort())
  const options = { pull, auth: registryAuthOf(run), signal: giveUp.signal }
  const pulling = context.driver.ensureImage(imageOf(run), options)
  // An image that is there is answered at once: no timers for it.
  const settled = pulling.then(
    () => true,
    () => true,
  )
  try {
    if (await Promise.race([settled, nextTurn(false)])) return await pulling
    return await watchPull(context, run, pulling, giveUp)
  } finally {
    control.onCut(undefined)
  }
}

async function watchPull(
  { clock, transitions }: AttemptContext,
  run: PreparedRun,
  pulling: Promise<EnsuredImage>,
  giveUp: AbortController,
): Promise<EnsuredImage> {
  const done = new AbortController()
  let tooLong = false
  const watch = async (): Promise<void> => {
    await clock.sleep(SHOW_PULL_AFTER_MS, done.signal)
    if (done.signal.aborted) return
    await transitions.phase({ id: run.id, fence: run.fence, phase: 'pulling' })
    await clock.sleep(PULL_LIMIT_MS, done.signal)
    if (done.signal.aborted) return
    tooLong = true
    giveUp.abort()
  }
  const watching = watch()
  try {
    return await pulling
  } catch (error) {
    if (!tooLong) throw error
    const message = `the image was not pulled within ${formatDuration(PULL_LIMIT_MS)}`
    throw new RuntimeError('registry-away', message, { cause: error })
  } finally {
    done.abort()
    await watching
  }
}
