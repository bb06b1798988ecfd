export { openMemoryQueueDriver } from './queue-driver.ts'
export { MemoryStore } from './store.ts'
