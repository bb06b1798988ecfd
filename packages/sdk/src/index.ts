/** PandaStack for user code: queues and workers. Everything else has an entry of its own, e.g. `@pandastack/sdk/schedule`. */
export * from './queue/index.ts'
