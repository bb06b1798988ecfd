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
 * @throws RuntimeError what the registry said, `registry-away` after {@link PULL_LIMIT_MS}. @throws PullCut.
 */
export async function ensureImage(
  context: AttemptContext,
  run: PreparedRun,
  control: RunControl,
  pull: PullPolicy,
): Promise<EnsuredImage> {
  const wanted = context.images.want(imageOf(run), { pull, auth: registryAuthOf(run) })
  try {
    // An image that is there is answered at once: no timers for it.
    if (await wanted.isThere) return await wanted.image
    return await watchPull(context, run, control, wanted.image)
  } finally {
    wanted.leave()
  }
}

/** The run is not worth a pull any more; others may want its image still. */
class PullCut extends Error {
  override readonly name = 'PullCut'
}

async function watchPull(
  { clock, transitions }: AttemptContext,
  run: PreparedRun,
  control: RunControl,
  pulling: Promise<EnsuredImage>,
): Promise<EnsuredImage> {
  const done = new AbortController()
  const watch = async (): Promise<void> => {
    await clock.sleep(SHOW_PULL_AFTER_MS, done.signal)
    if (done.signal.aborted) return
    await transitions.phase({ id: run.id, fence: run.fence, phase: 'pulling' })
    await clock.sleep(PULL_LIMIT_MS, done.signal)
  }
  const watching = watch()
  const tooLong = watching.then((): never => {
    const message = `the image was not pulled within ${formatDuration(PULL_LIMIT_MS)}`
    throw new RuntimeError('registry-away', message)
  })
  const cut = new Promise<never>((_, reject) => {
    control.onCut(() => reject(new PullCut('its pull was cut short')))
  })
  try {
    return await Promise.race([pulling, cut, tooLong])
  } finally {
    control.onCut(undefined)
    done.abort()
    await watching
  }
}
