import { PandaError } from '@pandastack/contract'

/** Each open stream holds a connection, a subscription and now and then a query. */
const PER_TOKEN = 50
const PER_SERVER = 500

/** Counts the live streams of this server. */
export class StreamLimit {
  readonly #byToken = new Map<string, number>()
  #all = 0

  /** @returns what gives the place back. @throws PandaError `too_many_requests` */
  take(tokenId: string): () => void {
    const mine = this.#byToken.get(tokenId) ?? 0
    if (mine >= PER_TOKEN) throw refusal(`This token has ${PER_TOKEN} streams open.`)
    if (this.#all >= PER_SERVER) throw refusal(`The server has ${PER_SERVER} streams open.`)
    this.#byToken.set(tokenId, mine + 1)
    this.#all++
    let given = false
    return () => {
      if (given) return
      given = true
      this.#all--
      const left = (this.#byToken.get(tokenId) ?? 1) - 1
      if (left > 0) this.#byToken.set(tokenId, left)
      else this.#byToken.delete(tokenId)
    }
  }
}

function refusal(message: string): PandaError {
  return new PandaError('too_many_requests', message, { hint: 'Close one, or read the log in pages without `follow`.' })
}
