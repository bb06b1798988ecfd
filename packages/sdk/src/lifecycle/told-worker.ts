import { tellPlatform } from './tell-platform.ts'

let made = 0

/** A worker of a queue or a subscription as the platform hears of it. That it starts is told when this is made. */
export class ToldWorker {
  readonly #who: { readonly of: string; readonly worker: string }

  /** @param of `queue uploads`, `subscription mailer` */
  constructor(of: string) {
    made += 1
    this.#who = { of, worker: `${process.pid}.${made}` }
    tellPlatform({ kind: 'starting', ...this.#who })
  }

  registered(): void {
    tellPlatform({ kind: 'registered', ...this.#who })
  }

  draining(held: number): void {
    tellPlatform({ kind: 'draining', ...this.#who, held })
  }

  /** Also of one that never registered: nobody is to wait for it any more. */
  drained(finished: number, handedBack: number): void {
    tellPlatform({ kind: 'drained', ...this.#who, finished, handedBack })
  }
}
