import type { ChangedLetters } from '@pandastack/sdk/events'
import type { EventDeadReason } from '@pandastack/contract'
import { CliError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { loadEventSdk } from '../packages.ts'
import { show } from '../output/show.ts'
import type { Session } from '../session.ts'
import type { EventPort, LetterVerb } from './event-port.ts'
import { withNear } from './open-port.ts'
import { parseRate } from './parse-rate.ts'
import { ProgressLine } from './progress-line.ts'

export interface LettersAsked {
  readonly subscription: string
  /** None: all that fit. */
  readonly letters: readonly string[]
  readonly type: string | undefined
  readonly reason: EventDeadReason | undefined
  readonly limit: number | undefined
  readonly rate: string | undefined
}

const WORDS = {
  redrive: { ask: 'Redrive', doing: 'redriven', done: 'Redrove' },
  drop: { ask: 'Drop', doing: 'dropped', done: 'Dropped' },
} as const

/** Redrives or drops: asks first, shows how far it is, and after Ctrl-C says what was done. @returns the exit code */
export async function changeAsked(
  session: Session,
  port: EventPort,
  verb: LetterVerb,
  asked: LettersAsked,
): Promise<number> {
  const { subscription, letters, type, reason, limit } = asked
  const ratePerSecond = asked.rate === undefined ? undefined : parseRate(asked.rate)
  const { dead } = await withNear(port, subscription, () => port.get(subscription))
  if (verb === 'drop' || letters.length === 0) await session.confirm(question(verb, asked, dead))
  const { changeLetters } = await loadEventSdk()
  const stop = new AbortController()
  const release = session.io.onInterrupt(() => stop.abort(stopped()))
  const line = new ProgressLine(session, (done, total) => `${done} of ${total} dead letters ${WORDS[verb].doing}`)
  try {
    const source = {
      page: async (query: { limit: number; cursor?: string; type?: string; reason?: EventDeadReason }) => {
        const { items, nextCursor } = await port.letters(subscription, query)
        return { ids: items.map(({ id }) => id), cursor: nextCursor }
      },
      change: async (ids: readonly string[]) => (await port.change(subscription, verb, { ids: [...ids] })).results,
    }
    const choice = {
      ...(letters.length > 0 && { ids: letters }),
      ...(type !== undefined && { type }),
      ...(reason !== undefined && { reason }),
      ...(limit !== undefined && { limit }),
    }
    const result = await changeLetters(source, choice, {
      ...(ratePerSecond !== undefined && { ratePerSecond }),
      signal: stop.signal,
      onProgress: ({ done, missing, total }) => line.show(done + missing, total),
    })
    await line.clear()
    await tell(session, verb, subscription, result)
    if (stop.signal.aborted) return EXIT.interrupted
    return letters.length > 0 && result.missing > 0 ? EXIT.notFound : EXIT.ok
  } finally {
    release()
  }
}

function stopped(): CliError {
  return new CliError('stopped before anything was changed', { code: 'interrupted', exitCode: EXIT.interrupted })
}

function question(
  verb: LetterVerb,
  { subscription, letters, type, reason, limit }: LettersAsked,
  dead: number,
): string {
  if (letters.length > 0) return `${WORDS[verb].ask} ${letters.length} dead letters of ${subscription}?`
  const filters = [
    ...(type === undefined ? [] : [`of type ${type}`]),
    ...(reason === undefined ? [] : [`that died for ${reason}`]),
    ...(limit === undefined ? [] : [`at most ${limit}`]),
  ]
  return filters.length === 0
    ? `${WORDS[verb].ask} all ${dead} dead letters of ${subscription}?`
    : `${WORDS[verb].ask} the dead letters of ${subscription} ${filters.join(', ')}?`
}

function tell(session: Session, verb: LetterVerb, subscription: string, result: ChangedLetters): Promise<void> {
  const { done, missing, total } = result
  const gone = missing === 0 ? '' : ` ${missing} were gone already.`
  const left = total - done - missing
  const stopped = left === 0 ? '' : ` Stopped: ${left} are left.`
  return show(session, result, {
    name: () => subscription,
    human: () => `${WORDS[verb].done} ${done} dead letters of ${subscription}.${gone}${stopped}`,
  })
}
