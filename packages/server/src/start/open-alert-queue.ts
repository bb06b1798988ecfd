import { PandaError } from '@pandastack/sdk/queue'
import { AlertQueue, SERVER_SCHEMA } from '../alerts/alert-queue.ts'
import { StartError } from './start-error.ts'
import type { StopStack } from './stop-stack.ts'
import { databaseAddress } from './wait-for-database.ts'

/**
 * The server's own queue, with its tables.
 * @throws StartError `database_refused` when its schema may not be made or used
 */
export async function openAlertQueue(url: string, stops: StopStack): Promise<AlertQueue> {
  const queue = new AlertQueue(url)
  stops.push('alert queue', () => queue.close())
  try {
    await queue.prepare()
    return queue
  } catch (cause) {
    if (!(cause instanceof PandaError) || cause.code === 'store_away') throw cause
    throw new StartError('database_refused', `The database at ${databaseAddress(url)} refuses us: ${cause.message}.`, {
      hint: `The server keeps its own queue in the schema ${SERVER_SCHEMA}. As an owner of the database: create schema ${SERVER_SCHEMA} authorization <the role of DATABASE_URL>`,
      cause,
    })
  }
}
