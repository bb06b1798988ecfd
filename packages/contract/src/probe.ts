/** A request that tells whether an instance is ready. */
export interface HttpProbe {
  /** Of the container. */
  readonly port: number
  /** With its query. */
  readonly path: string
}

const FORM = /^(?:http:\/\/)?:(\d{1,5})(\/[!-"$-~]*)?$/
const MAX_PORT = 65_535
const MAX_LENGTH = 500
const WRITE = 'write http://:3000/healthz, with the port of the container and no host'

/**
 * Reads `http://:3000/healthz` and `:3000/healthz`: no host, since it is that of the instance. Without a path it is `/`.
 *
 * @throws RangeError when the text is no such probe; it says which part is wrong.
 */
export function parseHttpProbe(text: string): HttpProbe {
  const [, digits = '', path = '/'] = FORM.exec(text) ?? []
  const port = Number(digits)
  if (text.length > MAX_LENGTH || port < 1 || port > MAX_PORT) {
    throw new RangeError(`"${text.slice(0, 60)}" ${whatIsWrong(text)}; ${WRITE}`)
  }
  return { port, path }
}

/** For people; a text that is refused for anything else is just no probe. */
function whatIsWrong(text: string): string {
  if (text.length > MAX_LENGTH) return `is longer than ${MAX_LENGTH} characters`
  const [, scheme, host, port] =
    /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\[[^\]]*\]|[^:/]*)(?::(\d+))?(?:\/.*)?$/is.exec(text) ?? []
  if (scheme !== undefined && scheme !== 'http')
    return `is not asked over ${scheme.slice(0, 20)}: a probe speaks plain HTTP`
  if (scheme !== undefined && host !== undefined && host !== '')
    return 'names a host, and a probe asks the instance itself'
  if (scheme !== undefined && port === undefined) return 'names no port'
  if (port !== undefined && (Number(port) < 1 || Number(port) > MAX_PORT)) return 'has no port from 1 to 65535'
  return 'is not a probe'
}

export function formatHttpProbe({ port, path }: HttpProbe): string {
  return `http://:${port}${path}`
}
