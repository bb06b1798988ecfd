import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Alert, ApplyResult, Cronjob } from '../../packages/contract/src/index.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const cronjob = { image: 'ok', schedule: '0 8 * * 1' }
const hook = { kind: 'webhook', url: 'https://hooks.example.com/x' }
const apply = (manifest: object, more: object = {}) =>
  server.api.ok<ApplyResult>('POST', '/v1/apply', { manifest, ...more })

describe('apply', () => {
  it('shows the signing secret of a webhook in the answer that made it, and never again', async () => {
    const manifest = { alerts: { hook: { channel: hook }, team: { channel: { ...hook, kind: 'slack' } } } }
    expect((await apply(manifest, { dryRun: true })).signingSecrets).toEqual({})
    const made = await apply(manifest)
    expect(made.signingSecrets).toEqual({ hook: expect.stringMatching(/^whsec_/) as string })
    expect((await apply(manifest)).signingSecrets).toEqual({})
    const turned = await apply({ alerts: { team: { channel: hook } } })
    expect(turned.signingSecrets).toEqual({ team: expect.stringMatching(/^whsec_/) as string })
  })

  it('warns of what polls and of what looks like a secret', async () => {
    const { warnings } = await apply({
      cronjobs: { poll: { image: 'ok', schedule: '* * * * *', env: { API_KEY: 'x' } }, weekly: cronjob },
    })
    expect(warnings).toHaveLength(2)
    expect(warnings[0]).toContain('cronjob poll: It runs every 1m')
    expect(warnings[1]).toContain('API_KEY looks like a secret')
  })

  it('takes names that every object answers to', async () => {
    const manifest = { cronjobs: { constructor: cronjob }, alerts: { 'to-string': { channel: hook } } }
    await apply(manifest)
    expect((await server.api.ok<Cronjob>('GET', '/v1/cronjobs/constructor')).image).toBe('ok')
    const { changes } = await apply({ alerts: manifest.alerts }, { prune: true })
    expect(changes).toContainEqual(expect.objectContaining({ name: 'constructor', action: 'delete' }))
    expect((await server.api.call('GET', '/v1/cronjobs/constructor')).status).toBe(404)
  })

  it('binds an alert to the cronjob of today, not to one of the same name that was deleted', async () => {
    const manifest = { cronjobs: { digest: cronjob }, alerts: { own: { channel: hook, cronjob: 'digest' } } }
    await apply(manifest)
    await server.api.ok('DELETE', '/v1/cronjobs/digest')
    expect((await server.api.call('GET', '/v1/alerts/own')).status).toBe(404)
    await apply(manifest)
    const { id } = await server.api.ok<Cronjob>('GET', '/v1/cronjobs/digest')
    expect(await server.api.ok<Alert>('GET', '/v1/alerts/own')).toMatchObject({ cronjob: 'digest' })
    const bound = await server.db.selectFrom('alerts').select('cronjob_id').where('name', '=', 'own').execute()
    expect(bound).toEqual([{ cronjob_id: id }])
  })
})

describe('the target of an alert', () => {
  it('is refused at once when it is a private address', async () => {
    const channel = { kind: 'webhook', url: 'http://169.254.169.254/latest' }
    const made = await server.api.call('POST', '/v1/alerts', { name: 'inside', channel })
    expect(made).toMatchObject({ status: 400, body: { code: 'target_refused', errors: [{ path: 'channel.url' }] } })
    expect(made.body.type).toBe('urn:pandastack:error:target_refused')
    const applied = await server.api.call('POST', '/v1/apply', { manifest: { alerts: { inside: { channel } } } })
    expect(applied).toMatchObject({ status: 400, body: { code: 'target_refused' } })
  })
})

describe('a new signing secret', () => {
  it('takes the place of the old one', async () => {
    type Created = Alert & { signingSecret: string | null }
    const made = await server.api.ok<Created>('POST', '/v1/alerts', { name: 'turn', channel: hook })
    const turned = await server.api.ok<Created>('POST', '/v1/alerts/turn/rotate-secret')
    expect(turned).toMatchObject({ id: made.id, channel: made.channel })
    expect(turned.signingSecret).toMatch(/^whsec_/)
    expect(turned.signingSecret).not.toBe(made.signingSecret)
    await server.api.ok('POST', '/v1/alerts', { name: 'chat', channel: { ...hook, kind: 'slack' } })
    expect((await server.api.call('POST', '/v1/alerts/chat/rotate-secret')).body.code).toBe('invalid_request')
  })
})

describe('lists without pages', () => {
  it('refuse a limit instead of ignoring it', async () => {
    for (const path of ['/v1/alerts', '/v1/alerts/turn/deliveries']) {
      expect((await server.api.call('GET', path)).status, path).toBe(200)
      expect((await server.api.call('GET', `${path}?limit=1`)).status, path).toBe(400)
    }
  })
})

describe('deleting a project', () => {
  it('takes a long history with it, whatever its length', async () => {
    const { id } = await server.api.ok<{ id: string }>('POST', '/v1/projects', { name: 'old' })
    await server.api.ok('POST', '/v1/cronjobs?project=old', { name: 'digest', ...cronjob })
    const { rows } = await sql<{ id: string }>`select id from cronjobs where project_id = ${id}`.execute(server.db)
    await server.api.ok('DELETE', '/v1/cronjobs/digest?project=old')
    await sql`insert into runs (id, project_id, cronjob_id, revision, trigger, state, due_at, available_at)
      select 'run_old' || n, ${id}, ${rows[0]?.id}, 1, 'schedule', 'succeeded', now() - n * interval '1 minute', now()
      from generate_series(1, 450) n`.execute(server.db)
    await sql`insert into attempts (run_id, number, outcome, finished_at)
      select id, 1, 'succeeded', now() from runs where project_id = ${id}`.execute(server.db)
    await server.api.ok('DELETE', '/v1/projects/old')
    for (const table of ['runs', 'attempts'] as const) {
      const left = await server.db.selectFrom(table).selectAll().execute()
      expect(left, table).toEqual([])
    }
    expect((await server.api.call('GET', '/v1/cronjobs?project=old')).status).toBe(404)
  })
})
