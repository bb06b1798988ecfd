import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { sharedService } from './shared-services.ts'

export interface FreshDatabase extends AsyncDisposable {
  readonly url: string
  readonly name: string
  /** Drops it, open connections and all. */
  drop(): Promise<void>
}

/** A database made once per test run and then copied: much quicker than to migrate each one. */
export interface DatabaseTemplate {
  /** Letters, digits and underscores, at most 20; the same key means the same content for the whole run. */
  readonly key: string
  /** Fills the template; must have closed its connections when it resolves. */
  readonly prepare: (url: string) => Promise<void>
}

/**
 * A new database on the run's PostgreSQL (see shared-postgres.ts), empty or a copy of the template.
 * Dropped by `drop`, or at the end of the block with `await using`.
 */
export async function freshDatabase(options: { template?: DatabaseTemplate } = {}): Promise<FreshDatabase> {
  const { url, prefix } = await server()
  const name = `${prefix}${randomBytes(6).toString('hex')}`
  await withAdmin(url, async (admin) => {
    const template =
      options.template === undefined ? undefined : await ensureTemplate(admin, url, prefix, options.template)
    await admin.query(`create database ${name}${template === undefined ? '' : ` template ${template}`}`)
  })
  const drop = async () => withAdmin(url, async (admin) => void (await admin.query(dropStatement(name))))
  return { url: withDatabase(url, name), name, drop, [Symbol.asyncDispose]: drop }
}

async function server(): Promise<{ url: string; prefix: string }> {
  const { url, prefix } = await sharedService('postgres')
  if (url === undefined || prefix === undefined) throw new Error('the shared PostgreSQL told no url')
  return { url, prefix }
}

/** The first caller of the run makes it, the others wait in line on an advisory lock. */
async function ensureTemplate(admin: Client, url: string, prefix: string, template: DatabaseTemplate): Promise<string> {
  if (!/^[a-z0-9_]{1,20}$/.test(template.key)) throw new TypeError(`not a template key: ${template.key}`)
  const name = `${prefix}${template.key}`
  await admin.query('select pg_advisory_lock(hashtextextended($1, 0))', [name])
  try {
    const { rowCount } = await admin.query('select 1 from pg_database where datname = $1', [name])
    if (rowCount === 0) await makeTemplate(admin, url, name, template)
  } finally {
    await admin.query('select pg_advisory_unlock(hashtextextended($1, 0))', [name])
  }
  return name
}

/** Filled under another name: a template that exists is complete. */
async function makeTemplate(admin: Client, url: string, name: string, template: DatabaseTemplate): Promise<void> {
  const draft = `${name}_draft`
  await admin.query(dropStatement(draft))
  await admin.query(`create database ${draft}`)
  await template.prepare(withDatabase(url, draft))
  await admin.query(`alter database ${draft} rename to ${name}`)
}

async function withAdmin<T>(url: string, work: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client({ connectionString: url })
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.end()
  }
}

function dropStatement(name: string): string {
  return `drop database if exists ${name} with (force)`
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.href
}
