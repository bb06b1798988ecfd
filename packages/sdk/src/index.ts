/** PandaStack for user code: queues with workers, events with consumers. The rest has entries of its own, e.g. `@pandastack/sdk/schedule`. */
export * from './queue/index.ts'
export * from './events/index.ts'
