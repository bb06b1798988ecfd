/** Every exchange and queue of one environment. Queues that have arguments carry a version: arguments cannot be changed. */
export interface Names {
  /** Fanout: all events enter here; the log and the topic exchange hang on it. */
  readonly entry: string
  /** Topic: the subscriptions' patterns. */
  readonly events: string
  readonly unrouted: string
  readonly unroutedQueue: string
  /** Direct: back to a subscription, by the keys below. */
  readonly home: string
  readonly orphans: string
  readonly orphansQueue: string
  readonly log: string
  readonly registry: string
  readonly registryExchange: string
  readonly registryLock: string
  /** Fanout: each change of the registry, to everybody who listens. */
  readonly control: string
  delay(ms: number): string
  delayQueue(ms: number): string
  main(subscription: string, generation: number): string
  retry(subscription: string): string
  isolated(subscription: string): string
  dead(subscription: string): string
  /** The last state of events that are taken in strict order. */
  state(subscription: string): string
  lock(what: string): string
  listener(id: string): string
}

export function namesOf(prefix: string): Names {
  return {
    entry: `${prefix}.entry`,
    events: `${prefix}.events`,
    unrouted: `${prefix}.unrouted`,
    unroutedQueue: `${prefix}.unrouted.v1`,
    home: `${prefix}.home`,
    orphans: `${prefix}.orphans`,
    orphansQueue: `${prefix}.orphans.v1`,
    log: `${prefix}.log.v1`,
    registry: `${prefix}.registry.v1`,
    registryExchange: `${prefix}.registry`,
    registryLock: `${prefix}.lock.registry`,
    control: `${prefix}.control`,
    delay: (ms) => `${prefix}.delay.${ms}`,
    delayQueue: (ms) => `${prefix}.delay.${ms}.v1`,
    main: (subscription, generation) => `${prefix}.sub.${subscription}.g${generation}`,
    retry: (subscription) => `${prefix}.retry.${subscription}.v1`,
    isolated: (subscription) => `${prefix}.isolated.${subscription}.v1`,
    dead: (subscription) => `${prefix}.dead.${subscription}.v1`,
    state: (subscription) => `${prefix}.state.${subscription}.v1`,
    lock: (what) => `${prefix}.lock.${what}`,
    listener: (id) => `${prefix}.listener.${id}`,
  }
}

/** Routing keys of the exchange `home`. They name the subscription, not a queue: a migration does not strand retries. */
export const homeKey = {
  /** Of one generation: a migration moves from one to the next. */
  main: (subscription: string, generation: number) => `main:${subscription}:${generation}`,
  retry: (subscription: string) => `retry:${subscription}`,
  isolated: (subscription: string) => `isolated:${subscription}`,
  dead: (subscription: string) => `dead:${subscription}`,
  state: (subscription: string) => `state:${subscription}`,
  /** A mark in the log by which a reader knows its end. */
  log: 'log',
}
