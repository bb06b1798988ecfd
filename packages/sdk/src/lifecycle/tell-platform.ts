/** What the platform wants to know of an instance of an app. */
export type LifecycleWord =
  /** It is known to its queue or broker and takes work. */
  | { readonly kind: 'registered' }
  /** It was asked to end: so much of what it held was finished, so much was given back. */
  | { readonly kind: 'drained'; readonly finished: number; readonly handedBack: number }

/**
 * Tells the platform, by a line on stdout that it takes out of the log: this needs neither a port nor a way to the server.
 * Elsewhere (`PANDA_INSTANCE` is not set) nothing is said.
 */
export function tellPlatform(word: LifecycleWord, env: NodeJS.ProcessEnv = process.env): void {
  const instance = env['PANDA_INSTANCE']
  if (instance === undefined || instance === '') return
  process.stdout.write(`panda::${instance} ${JSON.stringify(word)}\n`)
}
