import { PandaError } from '../errors.ts'
import { codeOf } from '../drivers/postgres/failures.ts'
import { outboxChannel, type OutboxTable } from '../drivers/postgres/migrate.ts'
import { checkSchema, DEFAULT_SCHEMA } from '../drivers/postgres/options.ts'
import { sqlRunnerOf } from '../drivers/postgres/transaction.ts'
import type { EventEnvelope } from '../events/envelope.ts'
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
  schema = DEFAULT_SCHEMA,
): Promise<void> {
  return write(transaction, schema, 'outbox', { queue, job: JSON.stringify(job) })
}

/**
 * The same with an event.
 * @param broker what kind it is for: only a relay to one of this kind takes it
 */
export async function writeEventOutbox(
  transaction: object,
  broker: string,
  event: EventEnvelope,
  schema = DEFAULT_SCHEMA,
): Promise<void> {
  return write(transaction, schema, 'event_outbox', { broker, event: JSON.stringify(event) })
}

async function write(
  transaction: object,
  schema: string,
  table: OutboxTable,
  columns: Readonly<Record<string, string>>,
): Promise<void> {
  checkSchema(schema)
  const run = sqlRunnerOf(transaction)
  const names = Object.keys(columns)
  const places = names.map((_, index) => `$${index + 1}::text`)
  const text = `with written as (
      insert into ${schema}.${table} (${names.join(', ')}, written) values (${places.join(', ')}, ${schema}.stamp()) returning n
    ) select pg_notify('${outboxChannel(schema, table)}', '')::text as told, n::text as n from written`
  try {
    await run(text, Object.values(columns))
  } catch (error) {
    if (!isMissing(error)) throw error
    throw new PandaError(
      'store_refused',
      `there is no outbox in this database: the table ${schema}.${table} is missing`,
      {
        hint: 'Run startOutbox on it in at least one process, with the same outboxSchema: it makes the table, and carries over what is in it.',
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
