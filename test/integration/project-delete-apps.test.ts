import type { AppDetail, AppLogLine } from '@pandastack/contract'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestServer, type TestServer } from '../support/server.ts'
import { waitFor } from '../support/wait-for.ts'

/** Deleting projects that have, or had, apps. */

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

async function refusal(name: string): Promise<string> {
  const { status, body } = await server.api.call('DELETE', `/v1/projects/${name}`)
  expect(status).toBe(409)
  return (body as { detail: string }).detail
}

it('is refused while an app is there or drained, and then takes its history with it', async () => {
  const { id } = await server.api.ok<{ id: string }>('POST', '/v1/projects', { name: 'shop' })
  const url = '/v1/apps/worker'
  const command = ['print', 'hello', 'ignore-term', 'forever']
  await server.api.ok('POST', `${url}/deploys?project=shop`, { image: 'your-org/api:1', command, drain: '2s' })
  const get = () => server.api.ok<AppDetail>('GET', `${url}?project=shop`)
  await waitFor('the app to be ready', async () => (await get()).ready === 1, 20_000)
  await waitFor(
    'its first line',
    async () => (await server.api.ok<{ items: AppLogLine[] }>('GET', `${url}/logs?project=shop`)).items.length > 0,
    20_000,
  )
  expect(await refusal('shop')).toBe('The project shop still has apps, e.g. worker.')
  await server.api.ok('DELETE', `${url}?project=shop`)
  expect(await refusal('shop')).toContain('Instances of the deleted app worker of project shop have not ended yet')
  const deleted = async () => (await server.api.call('DELETE', '/v1/projects/shop')).status === 204
  await waitFor('the instance to end', deleted, 30_000)
  const { rows } = await sql<{ left: number }>`
    select ((select count(*) from apps where project_id = ${id}) + (select count(*) from app_revisions)
      + (select count(*) from app_instances) + (select count(*) from log_chunks)
      + (select count(*) from run_logs)) as left`.execute(server.db)
  expect(rows[0]?.left).toBe(0)
})
