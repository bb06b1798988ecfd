import { PandaError } from '../../errors.ts'

/** Where the broker is, with a description that may be shown: it never has the password. */
export interface Address {
  readonly secure: boolean
  readonly host: string
  readonly port: number
  readonly password: string
  /** `RabbitMQ at host:port, vhost "v", user "u"`. */
  readonly label: string
  readonly vhost: string
  readonly user: string
}

/** @throws PandaError invalid_url */
export function addressOf(url: string): Address {
  const parsed = parse(url)
  if (parsed === null || !['amqp:', 'amqps:'].includes(parsed.protocol) || parsed.hostname === '')
    throw new PandaError('invalid_url', 'The URL of RabbitMQ cannot be read.', {
      hint: 'Use amqp://user:password@host:5672/vhost or amqps://…; write special characters of the password as %XX.',
    })
  const secure = parsed.protocol === 'amqps:'
  const port = parsed.port === '' ? (secure ? 5_671 : 5_672) : Number(parsed.port)
  const host = parsed.hostname.replaceAll(/^\[|\]$/g, '')
  const vhost = parsed.pathname.length > 1 ? unescaped(parsed.pathname.slice(1)) : '/'
  const isGuest = parsed.username === '' && parsed.password === ''
  const user = isGuest ? 'guest' : unescaped(parsed.username)
  const password = isGuest ? 'guest' : unescaped(parsed.password)
  const label = `RabbitMQ at ${parsed.hostname}:${port}, vhost "${vhost}", user "${user}"`
  return { secure, host, port, vhost, user, password, label }
}

function parse(url: string): URL | null {
  return URL.canParse(url) ? new URL(url) : null
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new PandaError('invalid_url', 'The URL of RabbitMQ has a % that is not followed by two hexadecimal digits.', {
      hint: 'Write a % itself as %25.',
    })
  }
}
