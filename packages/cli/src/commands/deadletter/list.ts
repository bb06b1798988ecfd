import type { DeadLetterView } from '@pandastack/contract'
import { defineCommand, integer, text } from '../../command.ts'
import { usageError } from '../../errors.ts'
import type { EventPort, LettersQuery } from '../../events/event-port.ts'
import { LETTER_FILTER } from '../../events/letter-options.ts'
import { letterColumns } from '../../events/letter-view.ts'
import { BROKER, BROKER_DETAILS, withEvents, withNear } from '../../events/open-port.ts'
import { showList, type Page } from '../../output/show.ts'

const DEFAULT_LIMIT = 20
const PAGE = 1000

export const command = defineCommand({
  args: { subscription: { value: 'SUBSCRIPTION', text: 'Of this one; default: of all' } },
  options: {
    ...LETTER_FILTER,
    limit: integer('N', `At most so many, default ${DEFAULT_LIMIT}`),
    cursor: text('CURSOR', 'Go on where an earlier list ended (nextCursor of -o json)'),
    broker: BROKER,
  },
  details: ['Events that will not be tried again by themselves, and why. Oldest first.', ...BROKER_DETAILS],
  examples: [
    { line: 'panda deadletter list', note: 'of all subscriptions' },
    { line: 'panda deadletter list email-service --reason attempts -o wide', note: 'with their data' },
  ],
  async run({ args, options, session }) {
    const { subscription } = args
    const { limit = DEFAULT_LIMIT, ...query } = options
    if (query.cursor !== undefined && subscription === undefined)
      throw usageError('--cursor goes on in one subscription', 'Name it: panda deadletter list SUBSCRIPTION --cursor …')
    const page = await withEvents(session, options.broker, (port) =>
      subscription === undefined
        ? ofAll(port, { ...query, limit })
        : withNear(port, subscription, () => ofOne(port, subscription, { ...query, limit })),
    )
    await showList(session, page, {
      ...letterColumns(session),
      name: ({ id }) => id,
      empty: 'There are no such dead letters.',
    })
    if (page.nextCursor !== null) await session.hint(`There are more: --limit ${limit * 5}`)
  },
})

async function ofOne(port: EventPort, subscription: string, query: LettersQuery): Promise<Page<DeadLetterView>> {
  const items: DeadLetterView[] = []
  let { cursor } = query
  do {
    const page = await port.letters(subscription, {
      ...query,
      limit: Math.min(PAGE, query.limit - items.length),
      cursor,
    })
    items.push(...page.items)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined && items.length < query.limit)
  return { items, nextCursor: cursor ?? null }
}

async function ofAll(port: EventPort, query: LettersQuery): Promise<Page<DeadLetterView>> {
  const items: DeadLetterView[] = []
  for (const { name, dead } of (await port.list()).items) {
    if (dead > 0) items.push(...(await ofOne(port, name, query)).items)
  }
  items.sort((a, b) => (a.deadAt < b.deadAt ? -1 : 1))
  const shown = items.slice(0, query.limit)
  // A cursor belongs to one subscription.
  return { items: shown, nextCursor: null }
}
