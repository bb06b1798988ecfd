import type { Client } from '../support/api-client.ts'

/** A schedule that names no time within a test. */
export const LATER = '0 0 29 2 *'

/**
 * Gives every cronjob a schedule that is not due soon. The database then holds two revisions of each, and between their
 * times lie exactly the ticks that must have a row.
 */
export async function endSchedules(api: Client): Promise<void> {
  const { items } = await api.ok<{ items: { name: string }[] }>('GET', '/v1/cronjobs?limit=200')
  for (const { name } of items) await api.ok('PATCH', `/v1/cronjobs/${name}`, { schedule: LATER })
}
