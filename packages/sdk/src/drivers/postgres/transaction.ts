import { PandaError } from '../../errors.ts'
import type { SqlRunner } from '../../queue/driver.ts'

type Rows = readonly Record<string, unknown>[]
type Method = (...values: never[]) => unknown

/**
 * Runs statements in a transaction of the caller's, of any of these: a client of `pg` on which `begin` was sent, the `sql`
 * that postgres.js hands to `sql.begin(…)`, a `Transaction` of Kysely, the `tx` of Drizzle on either of the two clients, the
 * `tx` of Prisma's `$transaction(…)`, or any function that runs one statement.
 *
 * @throws PandaError invalid_option when it is nothing of the kind
 */
export function sqlRunnerOf(transaction: unknown): SqlRunner {
  for (const recognise of [kysely, drizzle, prisma, postgresJs, pg]) {
    const runner = recognise(transaction)
    if (runner !== null) return runner
  }
  if (typeof transaction === 'function') return transaction as SqlRunner
  throw new PandaError('invalid_option', `tx is no transaction that is known here: ${describe(transaction)}`, {
    hint: 'Pass a client of pg after begin, the sql of postgres.js, a Transaction of Kysely, the tx of Drizzle or Prisma, or a function (text, values) => rows.',
  })
}

function kysely(transaction: unknown): SqlRunner | null {
  if (!has(transaction, 'executeQuery', 'getExecutor') || !('isTransaction' in transaction)) return null
  if (transaction.isTransaction !== true) throw notWithin('Kysely', 'db.transaction().execute(async (trx) => …)')
  return async (text, values) => {
    // The shape of Kysely's CompiledQuery: it takes ready-made SQL by it, without its package being here.
    const compiled = {
      sql: text,
      parameters: [...values],
      query: { kind: 'RawNode', sqlFragments: [text], parameters: [] },
      queryId: { queryId: 'panda' },
    }
    return rowsOf(await call(transaction, 'executeQuery', compiled))
  }
}

function drizzle(transaction: unknown): SqlRunner | null {
  if (!has(transaction, 'rollback') || !('session' in transaction) || !isObject(transaction.session)) {
    if (has(transaction, 'select', 'insert', 'execute', 'transaction') && !has(transaction, 'rollback'))
      throw notWithin('Drizzle', 'db.transaction(async (tx) => …)')
    return null
  }
  const { session } = transaction
  if (!('client' in session)) return null
  return pg(session.client) ?? postgresJs(session.client)
}

function prisma(transaction: unknown): SqlRunner | null {
  if (!has(transaction, '$queryRawUnsafe')) return null
  if (has(transaction, '$transaction', '$connect')) throw notWithin('Prisma', 'prisma.$transaction(async (tx) => …)')
  return async (text, values) => rowsOf(await call(transaction, '$queryRawUnsafe', text, ...values))
}

function postgresJs(transaction: unknown): SqlRunner | null {
  if (!has(transaction, 'unsafe', 'json', 'array')) return null
  if (has(transaction, 'begin') && !has(transaction, 'savepoint'))
    throw notWithin('postgres.js', 'sql.begin(async (sql) => …)')
  return async (text, values) => rowsOf(await call(transaction, 'unsafe', text, [...values], { prepare: true }))
}

function pg(transaction: unknown): SqlRunner | null {
  if (!has(transaction, 'query', 'escapeIdentifier')) {
    if (has(transaction, 'query', 'connect') && 'totalCount' in transaction)
      throw notWithin('pg', "a client of pool.connect() after query('begin')")
    return null
  }
  // Told by newer versions of pg: idle, not within a transaction.
  if (has(transaction, 'getTransactionStatus') && transaction.getTransactionStatus() === 'I')
    throw notWithin('pg', "a client of pool.connect() after query('begin')")
  return async (text, values) => rowsOf(await call(transaction, 'query', text, [...values]))
}

/** Rows come bare from postgres.js and Prisma, in `rows` from the others. */
function rowsOf(answer: unknown): Rows {
  if (Array.isArray(answer)) return answer as Rows
  if (isObject(answer) && 'rows' in answer && Array.isArray(answer.rows)) return answer.rows as Rows
  throw new PandaError('invalid_option', 'tx answered a statement with something that holds no rows')
}

/** What would add the job at once, whatever becomes of the caller's work. */
function notWithin(library: string, right: string): PandaError {
  return new PandaError('invalid_option', `tx is ${library}, but no transaction`, {
    hint: `Pass what you get in ${right}.`,
  })
}

export async function call(target: object, method: string, ...values: readonly unknown[]): Promise<unknown> {
  const found = (target as Readonly<Record<string, (...values: readonly unknown[]) => unknown>>)[method]
  return found?.apply(target, [...values])
}

/** Whether it has these methods: client libraries are told apart by them. */
export function has<K extends string>(value: unknown, ...methods: K[]): value is object & Record<K, Method> {
  return isObject(value) && methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function')
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' || typeof value === 'function') && value !== null
}

function describe(value: unknown): string {
  if (value === null) return 'null'
  return isObject(value) ? `an object with ${Object.keys(value).slice(0, 5).join(', ') || 'no keys'}` : typeof value
}
