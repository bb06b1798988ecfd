import { PandaError } from '../../errors.ts'
import { sqlRunnerOf } from '../../drivers/postgres/transaction.ts'
import type { SqlRunner } from '../../queue/driver.ts'
import { prepareInbox } from './inbox-table.ts'
import { type EventKey, NotBegun, type Once } from './once.ts'
import type { Transact } from './transact.ts'

export interface DatabaseOnceOptions {
  readonly subscription: string
  readonly transact: Transact
  /** How long a handled event is remembered, in ms. */
  readonly keepMs: number
  readonly schema: string
}

const BATCH = 1000

/** The inbox: a row per handled event, written in the transaction in which its handler works. */
export class DatabaseOnce implements Once {
  readonly #options: DatabaseOnceOptions

  constructor(options: DatabaseOnceOptions) {
    this.#options = options
  }

  async prepare(): Promise<void> {
    await this.#within(async (run) => prepareInbox(run, this.#options.schema))
  }

  async run({ id, source }: EventKey, work: (tx: unknown) => Promise<void>): Promise<'done' | 'duplicate'> {
    let outcome: 'done' | 'duplicate' | null = null
    try {
      await this.#options.transact(async (tx) => {
        const run = sqlRunnerOf(tx)
        const transaction = await this.#enter(run, id, source)
        outcome = transaction === null ? 'duplicate' : 'done'
        if (transaction === null) return
        await work(tx)
        await assertStill(run, transaction)
      })
    } catch (error) {
      throw outcome === null ? new NotBegun(error) : error
    }
    // Null: a function that was passed for a transaction did not call its work.
    if (outcome === null) throw new NotBegun(new PandaError('invalid_option', 'exactlyOnce: its db ran nothing'))
    return outcome
  }

  async clean(): Promise<number> {
    const { schema, subscription, keepMs } = this.#options
    const text = `with old as (
        select ctid from ${schema}.inbox where subscription = $1::text and handled_at < now() - $2::float8 * interval '1 ms'
        limit ${BATCH} for update skip locked
      ), gone as (delete from ${schema}.inbox i using old where i.ctid = old.ctid returning 1)
      select count(*)::int4 as n from gone`
    let all = 0
    for (;;) {
      let some = 0
      await this.#within(async (run) => {
        const [row] = await run(text, [subscription, keepMs])
        some = Number(row?.['n'])
      })
      all += some
      if (some < BATCH) return all
    }
  }

  /** Waits for another transaction that has entered the same event, and has not ended. @returns this one's id; null when it is there already */
  async #enter(run: SqlRunner, id: string, source: string): Promise<string | null> {
    const { schema, subscription } = this.#options
    const text = `insert into ${schema}.inbox (subscription, id, source) values ($1::text, $2::text, $3::text)
      on conflict do nothing returning pg_current_xact_id()::text as transaction`
    const [row] = await run(text, [subscription, id, source])
    return row === undefined ? null : String(row['transaction'])
  }

  async #within(work: (run: SqlRunner) => Promise<void>): Promise<void> {
    await this.#options.transact(async (tx) => work(sqlRunnerOf(tx)))
  }
}

/**
 * A transaction in which a statement has failed is rolled back by `commit`, without an error, even if the handler has caught
 * that failure: the event would be taken for done, and nothing of it would be there.
 */
async function assertStill(run: SqlRunner, transaction: string): Promise<void> {
  const [row] = await run('select pg_current_xact_id_if_assigned()::text as transaction', [])
  if (row?.['transaction'] === transaction) return
  throw new PandaError('wrong_state', 'The handler has ended its transaction itself', {
    hint: 'Leave commit and rollback of event.tx to the subscription: return to commit, throw to roll back.',
  })
}
