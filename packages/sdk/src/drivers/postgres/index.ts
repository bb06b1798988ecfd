export { openPostgresQueueDriver } from './queue-driver.ts'
