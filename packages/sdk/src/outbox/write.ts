import { PandaError } from '../errors.ts'
import { codeOf } from '../drivers/postgres/failures.ts'
import { outboxChannel } from '../drivers/postgres/migrate.ts'
import { sqlRunnerOf } from '../drivers/postgres/transaction.ts'
import type { NewJob } from '../queue/driver.ts'

/**
 * Writes a job for a queue in another store into the outbox, inside the caller's transaction: it is carried over once that
 * has committed, by any process that runs `startOutbox`.
 * @param schema default `panda_queue`
 * @throws PandaError invalid_option (not a transaction), store_refused (there is no outbox in this database)
 */
export async function writeOutbox(
  transaction: object,
  queue: string,
  job: NewJob,
  schema = 'panda_queue',
): Promise<void> {
  const run = sqlRunnerOf(transaction)
  const text = `with written as (
      insert into ${schema}.outbox (queue, job, written) values ($1::text, $2::text, ${schema}.stamp()) returning n
    ) select pg_notify('${outboxChannel(schema)}', '')::text as told, n::text as n from written`
  try {
    await run(text, [queue, JSON.stringify(job)])
  } catch (error) {
    if (!isMissing(error)) throw error
    throw new PandaError(
      'store_refused',
      `there is no outbox in this database: the table ${schema}.outbox is missing`,
      {
        hint: 'Run startOutbox on it in at least one process: it makes the table, and carries the jobs over.',
        cause: error,
      },
    )
  }
}

/** Undefined schema or table; some libraries wrap what the client said. */
function isMissing(error: unknown): boolean {
  const inner = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined
  return ['3F000', '42P01'].includes(codeOf(error)) || ['3F000', '42P01'].includes(codeOf(inner))
}
