import type { Signal } from '../../queue/driver.ts'

interface Listener {
  readonly queues: ReadonlySet<string>
  readonly onSignal: (signal: Signal) => void
}

/** Taken at load, so that fake timers of a test do not hold up signals and answers. */
const onNextTurn = setImmediate

/** Answers and signals of a real store never come within the turn in which something was asked. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    onNextTurn(resolve)
  })
}

export class Listeners {
  readonly #all = new Set<Listener>()
  #pending: Signal[] = []

  add(listener: Listener): () => void {
    this.#all.add(listener)
    return () => {
      this.#all.delete(listener)
    }
  }

  emit(signal: Signal): void {
    if (this.#all.size === 0) return
    if (this.#pending.length === 0) onNextTurn(() => this.#flush())
    if (!this.#pending.some((other) => isSame(other, signal))) this.#pending.push(signal)
  }

  #flush(): void {
    const signals = this.#pending
    this.#pending = []
    for (const signal of signals) for (const listener of this.#all) deliver(listener, signal)
  }
}

function deliver(listener: Listener, signal: Signal): void {
  if (signal.kind === 'reconnected' || listener.queues.has(signal.queue)) listener.onSignal(signal)
}

function isSame(a: Signal, b: Signal): boolean {
  return a.kind === b.kind && (a.kind === 'work' || a.kind === 'settings') && 'queue' in b && a.queue === b.queue
}
