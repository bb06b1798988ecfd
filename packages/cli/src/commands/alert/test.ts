import type { Delivery } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { show } from '../../output/show.ts'
import { ALERT_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: ALERT_NAME },
  options: {},
  details: ['Goes the same way as a real one; panda alert deliveries shows whether it arrived.'],
  examples: [
    { line: 'panda alert test ops', note: 'sends one message' },
    { line: 'panda alert test --name ops', note: 'the same' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const path = `${pathOf('alerts', args.name)}/test`
    const call = () => api.post<Delivery>(path, undefined, api.project)
    const delivery = await withNearNames(api, 'alerts', args.name, call)
    await show(session, delivery, {
      name: () => delivery.id,
      human: () => `A test message of alert ${args.name} is on its way (${delivery.id}).`,
    })
    await session.hint(`Did it arrive? panda alert deliveries ${args.name}`)
  },
})
