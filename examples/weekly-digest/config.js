import { Failure, EXIT } from './failure.js'

/** What it needs; all that is missing is named at once. */
const NEEDED = {
  MAIL_API_KEY: 'panda secret set MAIL_API_KEY',
  MAIL_FROM: 'panda env set MAIL_FROM=digest@example.com',
  MAIL_TO: 'panda env set MAIL_TO=ada@example.com,bob@example.com',
  DATABASE_URL: 'panda env set DATABASE_URL=postgres://…',
}

export function readConfig(env) {
  const missing = Object.keys(NEEDED).filter((name) => !env[name])
  if (missing.length > 0) {
    const hints = missing.map((name) => `${name} is not set. Set it: ${NEEDED[name]}`)
    throw new Failure(hints.join('\n'), EXIT.config)
  }
  return {
    apiKey: env.MAIL_API_KEY,
    // Resend, or whatever has its API: POST { from, to, subject, text } with a bearer key and an Idempotency-Key.
    apiUrl: env.MAIL_API_URL ?? 'https://api.resend.com/emails',
    from: env.MAIL_FROM,
    to: env.MAIL_TO.split(',').map((address) => address.trim()),
    databaseUrl: env.DATABASE_URL,
    // When this run was due, not when it happens to run; by hand without the platform: now.
    dueAt: new Date(env.PANDA_DUE_AT ?? Date.now()),
  }
}
