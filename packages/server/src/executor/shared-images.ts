import { setImmediate as nextTurn } from 'node:timers/promises'
import type { EnsuredImage, EnsureImageOptions, RuntimeDriver } from '../runtime/driver.ts'

/** An image that is being made present, for all runs that want it in the same way meanwhile. */
export interface WantedImage {
  readonly image: Promise<EnsuredImage>
  /** True when it was there already, so that the engine answered at once; settles in the next turn of the event loop. */
  readonly isThere: Promise<boolean>
  /** Whoever does not want it any more. With the last one the pull is given up. */
  leave(): void
}

type How = Pick<EnsureImageOptions, 'pull' | 'auth'>

interface Call {
  readonly image: Promise<EnsuredImage>
  readonly isThere: Promise<boolean>
  readonly giveUp: AbortController
  waiting: number
  settled: boolean
}

/**
 * One call of the engine for all runs that want the same image, by the same policy and with the same login, while it is
 * under way: a burst of a thousand runs asks, and pulls, once.
 */
export class SharedImages {
  readonly #driver: Pick<RuntimeDriver, 'ensureImage'>
  readonly #calls = new Map<string, Call>()

  constructor(driver: Pick<RuntimeDriver, 'ensureImage'>) {
    this.#driver = driver
  }

  want(image: string, options: How): WantedImage {
    const key = keyOf(image, options)
    const call = this.#calls.get(key) ?? this.#begin(key, image, options)
    call.waiting++
    const leave = (): void => {
      call.waiting--
      if (call.waiting > 0) return
      this.#forget(key, call)
      if (!call.settled) call.giveUp.abort()
    }
    return { image: call.image, isThere: call.isThere, leave }
  }

  #begin(key: string, name: string, options: How): Call {
    const giveUp = new AbortController()
    const image = this.#driver.ensureImage(name, { ...options, signal: giveUp.signal })
    const settled = image.then(
      () => true,
      () => true,
    )
    const call: Call = { image, isThere: Promise.race([settled, nextTurn(false)]), giveUp, waiting: 0, settled: false }
    this.#calls.set(key, call)
    // What has been answered is asked anew by the next run: images come and go.
    void settled.then(() => this.#answered(key, call))
    return call
  }

  #answered(key: string, call: Call): void {
    call.settled = true
    this.#forget(key, call)
  }

  #forget(key: string, call: Call): void {
    if (this.#calls.get(key) === call) this.#calls.delete(key)
  }
}

function keyOf(image: string, { pull, auth }: How): string {
  return auth === null ? `${pull} ${image}` : JSON.stringify([pull, image, auth.username, auth.password])
}
