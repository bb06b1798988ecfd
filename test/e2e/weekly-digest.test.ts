import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { type MailApi, startMailApi } from '../support/mail-api.ts'
import { freshDatabase, type FreshDatabase } from '../support/postgres.ts'

/** The article's first pattern as its example: a real process, a real database, a mail service that speaks HTTP. */

const folder = join(import.meta.dirname, '../../examples/weekly-digest')
const MONDAY = '2026-11-23T08:00:00Z'
/** Four in the week before that Monday, of two people; one a moment too early, one a moment too late. */
const SENT = `
  create table notifications (file_id text, user_id text, sent_at timestamptz);
  insert into notifications values
    ('a', 'ada', '2026-11-16T07:59:59Z'), ('b', 'ada', '2026-11-16T08:00:00Z'), ('c', 'ada', '2026-11-18T12:00:00Z'),
    ('d', 'bob', '2026-11-20T12:00:00Z'), ('e', 'bob', '2026-11-23T07:59:59Z'), ('f', 'bob', '2026-11-23T08:00:00Z')`

let database: FreshDatabase
let mail: MailApi

beforeAll(async () => {
  database = await freshDatabase()
  const client = new Client({ connectionString: database.url })
  await client.connect()
  await client.query(SENT)
  await client.end()
})
beforeEach(async () => {
  mail = await startMailApi('the-right-key')
  return async () => mail[Symbol.asyncDispose]()
})
afterAll(async () => database.drop())

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

async function digest(env: Record<string, string | undefined> = {}): Promise<Ended> {
  const all: Record<string, string | undefined> = {
    PATH: process.env['PATH'],
    DATABASE_URL: database.url,
    MAIL_API_KEY: 'the-right-key',
    MAIL_API_URL: mail.url,
    MAIL_FROM: 'digest@example.com',
    MAIL_TO: 'ada@example.com, bob@example.com',
    PANDA_DUE_AT: MONDAY,
    ...env,
  }
  const child = spawn(process.execPath, ['digest.js'], { cwd: folder, env: all, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { code, ...said }
}

describe('the weekly digest', () => {
  it('mails everybody about the week before its due time, however late it runs', async () => {
    const { code, stdout, stderr } = await digest()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n')).toContain('sent the digest of the week to 2026-11-23 to bob@example.com')
    const text = 'From 2026-11-16 to 2026-11-23: 4 thumbnails for 2 people.'
    const expected = { from: 'digest@example.com', subject: 'Your week: 4 new pictures', text }
    expect([...mail.mails.values()]).toEqual([
      { ...expected, to: 'ada@example.com' },
      { ...expected, to: 'bob@example.com' },
    ])
  })

  it('mails nobody twice when it is run again, and again for another week', async () => {
    await digest()
    expect((await digest()).code).toBe(0)
    expect([mail.accepted(), mail.mails.size]).toEqual([4, 2])
    await digest({ PANDA_DUE_AT: '2026-11-30T08:00:00Z' })
    expect(mail.mails.size).toBe(4)
  })

  it.each([{ MAIL_API_KEY: undefined }, { MAIL_API_KEY: '' }])('ends with 78 without a key: %o', async (env) => {
    const { code, stderr } = await digest(env)
    expect({ code, stderr }).toEqual({
      code: 78,
      stderr: 'MAIL_API_KEY is not set. Set it: panda secret set MAIL_API_KEY\n',
    })
    expect(mail.mails.size).toBe(0)
  })

  it('names all that is missing at once', async () => {
    const { code, stderr } = await digest({ MAIL_FROM: '', MAIL_TO: '', DATABASE_URL: '' })
    expect(code).toBe(78)
    for (const name of ['MAIL_FROM', 'MAIL_TO', 'DATABASE_URL']) expect(stderr).toContain(`${name} is not set`)
    expect(stderr).not.toContain('MAIL_API_KEY')
  })

  it('ends with 77 and the words of the mail service when the key is wrong, and never tells the key', async () => {
    const { code, stdout, stderr } = await digest({ MAIL_API_KEY: 'a-wrong-key' })
    expect(code).toBe(77)
    expect(stderr).toMatch(/^MAIL_API_KEY is refused, the mail service answered 403: .*API key is invalid\./)
    expect(stdout + stderr).not.toContain('a-wrong-key')
    expect(mail.mails.size).toBe(0)
  })

  it('ends with 75 when the mail service or the database is away, and works when it is back', async () => {
    mail.setAway(true)
    const down = await digest()
    expect(down).toMatchObject({ code: 75, stderr: expect.stringContaining('the mail service answered 503') })
    mail.setAway(false)
    const nobody = `http://127.0.0.1:${await freePort()}/emails`
    const absent = await digest({ MAIL_API_URL: nobody })
    expect(absent).toMatchObject({ code: 75, stderr: expect.stringContaining(`${nobody} cannot be reached: `) })
    const lost = await digest({ DATABASE_URL: `postgres://me@127.0.0.1:${await freePort()}/shop` })
    expect(lost).toMatchObject({ code: 75, stderr: expect.stringContaining('the database cannot be reached: ') })
    expect((await digest()).code).toBe(0)
  })

  it('ends with 1 and the words of the database when the tables are not there', async () => {
    await using empty = await freshDatabase()
    const { code, stderr } = await digest({ DATABASE_URL: empty.url })
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'relation "notifications" does not exist\n' })
  })
})
