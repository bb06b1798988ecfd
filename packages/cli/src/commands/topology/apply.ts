import { defineCommand } from '../../command.ts'
import { declared, TOPOLOGY_ARGS, TOPOLOGY_OPTIONS } from '../../events/declared.ts'
import { BROKER, BROKER_DETAILS, withEvents } from '../../events/open-port.ts'
import { planAll } from '../../events/plan-all.ts'
import { showChanges, type SubscriptionChange } from '../../events/topology-view.ts'

export const command = defineCommand({
  args: TOPOLOGY_ARGS,
  options: { ...TOPOLOGY_OPTIONS, broker: BROKER },
  details: [
    'Makes it so, without losing what waits: a queue with other arguments is a new queue, what waits is moved.',
    'Asks before something is unbound, moved or removed.',
    ...BROKER_DETAILS,
  ],
  examples: [
    { line: 'panda topology apply email-service user.signed_up', note: 'before its consumers are deployed' },
    { line: 'panda topology apply -f subscriptions.yaml', note: 'all that a file declares' },
  ],
  run({ args, options, session }) {
    return withEvents(session, options.broker, async (port) => {
      const specs = await declared(port, { ...args, order: options.order, file: options.file })
      const planned = (await planAll(port, specs)).filter(({ action }) => action !== 'create' && action !== 'bind')
      if (planned.length > 0)
        await session.confirm(
          `${planned.map(({ subscription, what }) => `${subscription}: ${what}`).join('; ')}: go on?`,
        )
      const changes: SubscriptionChange[] = []
      for (const spec of specs) {
        const applied = await port.apply(spec)
        changes.push(...applied.changes.map((change) => ({ subscription: spec.name, ...change })))
      }
      await showChanges(session, changes, { none: 'Nothing was changed: all is as declared.', dryRun: false })
    })
  },
})
