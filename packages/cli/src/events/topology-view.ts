import type { TopologyChangeView } from '@pandastack/contract'
import { plain } from '../output/clean.ts'
import { show } from '../output/show.ts'
import type { Session } from '../session.ts'

export interface SubscriptionChange extends TopologyChangeView {
  readonly subscription: string
}

const SIGN = { create: '+', bind: '+', unbind: '-', migrate: '~', remove: '-' } as const

export function showChanges(
  session: Session,
  changes: readonly SubscriptionChange[],
  answer: { readonly none: string; readonly dryRun: boolean },
): Promise<void> {
  const { green, red, yellow } = session.style
  const paint = { create: green, bind: green, unbind: red, migrate: yellow, remove: red }
  return show(
    session,
    { dryRun: answer.dryRun, changes },
    {
      name: () => [...new Set(changes.map(({ subscription }) => subscription))].join('\n'),
      human: () =>
        changes.length === 0
          ? answer.none
          : changes
              .map(({ subscription, action, what }) =>
                paint[action](plain(`${SIGN[action]} ${subscription}: ${action}: ${what}`)),
              )
              .join('\n'),
    },
  )
}
