import type { Reason } from '@pandastack/contract'
import type { ClaimedRun } from '../runs/claimed-run.ts'

export type Interrupt =
  | { readonly kind: 'cancel'; readonly reason: Reason; readonly by: string | null }
  | { readonly kind: 'server-stop' }
  | { readonly kind: 'vanished' }

/** Thrown inside an attempt whose run is not ours any more, or is handed over: nothing is recorded. */
export class Dropped extends Error {
  override readonly name = 'Dropped'
}

/** The strings by which the executor holds one attempt while it runs. */
export class RunControl {
  readonly run: ClaimedRun
  /** Aborts when the attempt is to be let go as it is. */
  readonly dropped: AbortSignal
  /** Resolves with the first interrupt, if one comes. */
  readonly interrupted: Promise<Interrupt>
  /** Aborts with the first interrupt or drop: for calls that are not worth finishing then, such as a pull. */
  readonly cut: AbortSignal
  /** Its unit was started and followed. */
  following = false
  readonly #drop = new AbortController()
  readonly #cut = new AbortController()
  #resolve: (interrupt: Interrupt) => void = () => undefined

  constructor(run: ClaimedRun) {
    this.run = run
    this.dropped = this.#drop.signal
    this.cut = this.#cut.signal
    this.interrupted = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  interrupt(interrupt: Interrupt): void {
    this.#resolve(interrupt)
    this.#cut.abort()
  }

  drop(): void {
    this.#drop.abort(new Dropped('the run was let go'))
    this.#cut.abort()
  }
}
