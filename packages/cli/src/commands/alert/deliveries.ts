import type { Delivery } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { showList, type Page } from '../../output/show.ts'
import { paintState } from '../../output/style.ts'
import { relative } from '../../output/time.ts'
import { ALERT_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: ALERT_NAME },
  options: {},
  examples: [
    { line: 'panda alert deliveries ops', note: 'the newest messages and what became of them' },
    { line: 'panda alert deliveries ops -o wide', note: 'with the error of the receiver' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const path = `${pathOf('alerts', args.name)}/deliveries`
    const call = () => api.get<Page<Delivery>>(path, api.project)
    const page = await withNearNames(api, 'alerts', args.name, call)
    const now = session.io.now()
    const when = (time: string | null) => (time === null ? '-' : relative(time, now))
    await showList(session, page, {
      columns: [
        { head: 'MADE', cell: ({ createdAt }) => when(createdAt) },
        { head: 'STATE', cell: ({ state }) => state, paint: (text) => paintState(session.style, text) },
        { head: 'TRIES', cell: ({ attempts }) => String(attempts), right: true },
        { head: 'EVENTS', cell: ({ events }) => String(events), right: true },
        { head: 'NEXT TRY', cell: ({ state, nextAttemptAt }) => (state === 'pending' ? when(nextAttemptAt) : '-') },
        { head: 'SUMMARY', cell: ({ summary }) => summary, flexible: true },
        { head: 'ERROR', cell: ({ lastError }) => lastError ?? '', flexible: true },
      ],
      wideColumns: [{ head: 'ID', cell: ({ id }) => id }],
      name: ({ id }) => id,
      empty: `Nothing was sent yet. Try: panda alert test ${args.name}`,
    })
  },
})
