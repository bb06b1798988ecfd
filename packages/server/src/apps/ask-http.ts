import { once } from 'node:events'
import { request } from 'node:http'
import { formatDuration, type HttpProbe } from '@pandastack/contract'
import type { UnitAddress } from '../runtime/driver.ts'

/** What a probe has met: null = an answer that says it is ready, else why not, as the end of "its probe …". */
export type ProbeTrouble = string | null

/**
 * Asks once, over a connection of its own. Every 2xx and 3xx is a yes; a redirect is not followed, since where it leads is
 * not the instance. The name it asks for is `localhost` on every way, as programs that look at it let that pass.
 */
export async function askHttp(
  { host, port, onlyOnLinux }: UnitAddress,
  probe: HttpProbe,
  limitMs: number,
  signal: AbortSignal,
): Promise<ProbeTrouble> {
  const limit = AbortSignal.timeout(limitMs)
  const asked = request({
    host,
    port,
    path: probe.path,
    agent: false,
    headers: { host: `localhost:${probe.port}`, 'user-agent': 'panda-probe', connection: 'close' },
    signal: AbortSignal.any([signal, limit]),
  })
  asked.end()
  try {
    const [answer] = (await once(asked, 'response')) as [{ statusCode: number }]
    const { statusCode } = answer
    return statusCode >= 200 && statusCode < 400 ? null : `answered ${statusCode}`
  } catch (error) {
    signal.throwIfAborted()
    const words = limit.aborted ? `did not answer within ${formatDuration(limitMs)}` : troubleWords(error)
    const mayBeOutOfReach = onlyOnLinux === true && (limit.aborted || isUnreachable(error))
    return mayBeOutOfReach ? `${words}${OUT_OF_REACH}` : words
  } finally {
    asked.destroy()
    // Nobody waits for what the rest of it meets.
    asked.on('error', () => undefined)
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'was refused: nothing listens there, or at 127.0.0.1 of the container only',
  ECONNRESET: 'was cut off without an answer',
  EHOSTUNREACH: 'could not be reached',
  ENETUNREACH: 'could not be reached',
}

/** A time-out says the same of a slow program and of an address that leads nowhere. */
const OUT_OF_REACH =
  ' (if its engine runs in a virtual machine or rootless, the server cannot reach the containers: publish the port by --port)'

function isUnreachable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^E(?:HOST|NET)UNREACH$/.test(String(error.code))
}

function troubleWords(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const words = WORDS[code]
  if (words !== undefined) return words
  if (code.startsWith('HPE_')) return 'was not answered in HTTP'
  return `failed: ${error instanceof Error ? error.message : String(error)}`
}
