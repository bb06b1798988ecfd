/** What the server, the socket or the client says, in our own words. */
import { PandaError } from '../../errors.ts'

/** - `lost`: the connection is of no more use; - `wait`: the server is there, but not yet able; - `fatal`: asking again is of no use. */
export type Trouble = 'lost' | 'wait' | 'fatal'

const WAITING = /^(LOADING|BUSY|MASTERDOWN|TRYAGAIN|CLUSTERDOWN|MISCONF|NOREPLICAS)\b/
const LOST = /^(READONLY|UNBLOCKED)\b|Connection is closed|Stream isn't writeable|Command aborted|max number of clients/

export function troubleOf(error: unknown): Trouble {
  const text = messageOf(error)
  if (WAITING.test(text)) return 'wait'
  if (LOST.test(text) || socketCode(error) !== undefined) return 'lost'
  return 'fatal'
}

/** @param host never with a password */
export function toStoreError(error: unknown, host: string): PandaError {
  if (error instanceof PandaError) return error
  const text = messageOf(error)
  if (/^(WRONGPASS|NOAUTH|NOPERM)\b|invalid (username-)?password|AUTH failed/i.test(text)) {
    return new PandaError('unauthorized', `Redis at ${host} refused the access: ${text}`, { cause: error })
  }
  if (text.startsWith('READONLY')) {
    return new PandaError('read_only', `Redis at ${host} is a replica and takes no writes.`, { cause: error })
  }
  const moved = /^(?:MOVED|ASK) \d+ (\S+)/.exec(text)
  if (moved !== null) {
    return new PandaError(
      'store_refused',
      `Redis at ${host} is one node of a cluster, and what was asked for lies on another one, ${moved[1]}.`,
      {
        hint: 'Queues do not follow a cluster from node to node: use a Redis without cluster mode, or a cluster of one shard.',
        cause: error,
      },
    )
  }
  if (text.startsWith('OOM')) {
    return new PandaError('store_refused', `Redis at ${host} is out of memory: ${text}`, {
      hint: 'Raise maxmemory, or let the workers catch up. Nothing of this call was stored.',
      cause: error,
    })
  }
  if (troubleOf(error) !== 'fatal') {
    return new PandaError('store_away', `Redis at ${host} did not answer: ${text}`, { cause: error })
  }
  return new PandaError('store_refused', `Redis at ${host} refused the command: ${text}`, { cause: error })
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}

/** ECONNREFUSED and the like; an error reply of the server has none. */
function socketCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { code, syscall } = error as Error & { code?: unknown; syscall?: unknown }
  const isSocket =
    typeof syscall === 'string' || (typeof code === 'string' && /^(E[A-Z_]+|ERR_(SOCKET|TLS|SSL).*)$/.test(code))
  return isSocket ? String(code) : undefined
}
