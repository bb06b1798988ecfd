export { openPostgresQueueDriver } from './queue-driver.ts'
export type { PostgresConnection, PostgresPool, PostgresQueueOptions } from './options.ts'
