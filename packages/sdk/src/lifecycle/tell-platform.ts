/** What the platform wants to know of each worker of a queue and each subscription in an instance of an app. */
export type LifecycleWord = Who &
  (
    | { readonly kind: 'starting' }
    /** It is known to its queue or broker and takes work. */
    | { readonly kind: 'registered' }
    /** It was asked to end, and holds so much: what it works on, and what it has taken ahead. */
    | { readonly kind: 'draining'; readonly held: number }
    /** So much of what it held was finished, so much was given back. What is in neither is left to its lease. */
    | { readonly kind: 'drained'; readonly finished: number; readonly handedBack: number }
  )

interface Who {
  /** `queue uploads`, `subscription mailer`. */
  readonly of: string
  /** One worker of one process of the instance, so that a line that is read twice counts once. */
  readonly worker: string
}

/**
 * Tells the platform, by a line on stdout that it takes out of the log: this needs neither a port nor a way to the server.
 * Elsewhere (`PANDA_INSTANCE` is not set) nothing is said.
 */
export function tellPlatform(word: LifecycleWord, env: NodeJS.ProcessEnv = process.env): void {
  const instance = env['PANDA_INSTANCE']
  if (instance === undefined || instance === '') return
  process.stdout.write(`panda::${instance} ${JSON.stringify(word)}\n`)
}
