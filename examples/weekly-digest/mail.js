import { EXIT, Failure } from './failure.js'

/** Sends one mail. The service drops a second one with the same key, so that a retry mails nobody twice. */
export async function sendMail({ apiUrl, apiKey, from }, { to, subject, text, key }) {
  const answer = await post(apiUrl, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ from, to, subject, text }),
    signal: AbortSignal.timeout(10_000),
  })
  if (answer.ok) return
  const said = `the mail service answered ${answer.status}: ${(await answer.text()).slice(0, 300)}`
  if (answer.status === 401 || answer.status === 403) {
    throw new Failure(`MAIL_API_KEY is refused, ${said}`, EXIT.refused)
  }
  if (answer.status === 409 || answer.status === 429 || answer.status >= 500) throw new Failure(said, EXIT.away)
  throw new Error(said)
}

async function post(url, request) {
  try {
    return await fetch(url, request)
  } catch (error) {
    throw new Failure(
      `the mail service at ${url} cannot be reached: ${error.cause?.message ?? error.message}`,
      EXIT.away,
    )
  }
}
