export type { OutboxTarget } from './carry.ts'
export { type Outbox, type OutboxOptions, startOutbox } from './start.ts'
export { writeOutbox } from './write.ts'
