export { openRedisQueueDriver } from './queue-driver.ts'
export type { RedisQueueOptions } from './options.ts'
