import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'

const TRIES = 60
const PAUSE_MS = 500

/** The first column of the answer, by a connection of its own, tried again while the server is away. */
export async function askPostgres(url: string, query: string): Promise<string[]> {
  for (let left = TRIES; ; left--) {
    const client = new Client({ connectionString: url })
    client.on('error', () => undefined)
    try {
      await client.connect()
      const { rows } = await client.query<[string]>({ text: query, rowMode: 'array' })
      return rows.map(([first]) => first)
    } catch (error) {
      if (left === 0) throw error
    } finally {
      await client.end().catch(() => undefined)
    }
    await delay(PAUSE_MS)
  }
}
