import { defineCommand, flag } from '../../command.ts'
import { EXIT } from '../../exit-codes.ts'
import { declared, TOPOLOGY_ARGS, TOPOLOGY_OPTIONS } from '../../events/declared.ts'
import { BROKER, BROKER_DETAILS, withEvents } from '../../events/open-port.ts'
import { planAll } from '../../events/plan-all.ts'
import { showChanges } from '../../events/topology-view.ts'

export const command = defineCommand({
  args: TOPOLOGY_ARGS,
  options: {
    ...TOPOLOGY_OPTIONS,
    detailedExitcode: flag('Exit code 2 when something would change'),
    broker: BROKER,
  },
  details: [
    'What the broker has, against what is declared: by the arguments, by a file, or by what each subscription was',
    'declared with last (a deleted queue, an argument that a new release wants).',
    ...BROKER_DETAILS,
  ],
  examples: [
    { line: 'panda topology plan', note: 'all subscriptions as they are known' },
    { line: 'panda topology plan email-service user.signed_up "order.*"', note: 'one, with other patterns' },
  ],
  run({ args, options, session }) {
    return withEvents(session, options.broker, async (port) => {
      const specs = await declared(port, { ...args, order: options.order, file: options.file })
      const changes = await planAll(port, specs)
      await showChanges(session, changes, { none: 'Nothing would change: all is as declared.', dryRun: true })
      return options.detailedExitcode && changes.length > 0 ? EXIT.usage : EXIT.ok
    })
  },
})
