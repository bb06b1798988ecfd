import type { Reason } from '@pandastack/contract'
import type { ClaimedRun } from '../runs/claimed-run.ts'

export type Interrupt =
  | { readonly kind: 'cancel'; readonly reason: Reason; readonly by: string | null }
  | { readonly kind: 'server-stop' }

/** Thrown inside an attempt whose run is not ours any more, or is handed over: nothing is recorded. */
export class Dropped extends Error {
  override readonly name = 'Dropped'
}

/** The strings by which the executor holds one attempt while it runs. Signals and promises are made when somebody wants them. */
export class RunControl {
  readonly run: ClaimedRun
  /** Its unit was started and followed. */
  following = false
  /** True when the attempt is to be let go as it is. */
  isDropped = false
  /** True after the first interrupt or drop: for calls that are not worth finishing then, such as a pull. */
  isCut = false
  #drop: AbortController | undefined
  #onCut: (() => void) | undefined
  #onDoubt: (() => void) | undefined
  #interrupt: Interrupt | undefined
  #interrupted: Promise<Interrupt> | undefined
  #resolve: ((interrupt: Interrupt) => void) | undefined

  constructor(run: ClaimedRun) {
    this.run = run
  }

  /** Resolves with the first interrupt, if one comes. */
  get interrupted(): Promise<Interrupt> {
    this.#interrupted ??= new Promise((resolve) => {
      if (this.#interrupt === undefined) this.#resolve = resolve
      else resolve(this.#interrupt)
    })
    return this.#interrupted
  }

  /** Aborts when the attempt is to be let go. */
  get dropped(): AbortSignal {
    this.#drop ??= new AbortController()
    if (this.isDropped) this.#drop.abort(letGo())
    return this.#drop.signal
  }

  /** Called at the first interrupt or drop, at once if it has been; the handler of now takes the place of the one before. */
  onCut(handler: (() => void) | undefined): void {
    this.#onCut = handler
    if (this.isCut) handler?.()
  }

  /** Called whenever somebody thinks that the unit is gone. */
  onDoubt(handler: () => void): void {
    this.#onDoubt = handler
  }

  /** The unit was not seen where it should be. Whoever follows it looks at it: this alone ends nothing. */
  lookAgain(): void {
    this.#onDoubt?.()
  }

  interrupt(interrupt: Interrupt): void {
    this.#interrupt ??= interrupt
    this.#resolve?.(interrupt)
    this.#cut()
  }

  drop(): void {
    this.isDropped = true
    this.#drop?.abort(letGo())
    this.#cut()
  }

  #cut(): void {
    this.isCut = true
    this.#onCut?.()
  }
}

function letGo(): Dropped {
  return new Dropped('the run was let go')
}
