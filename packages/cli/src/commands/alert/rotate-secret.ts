import type { Alert } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { show } from '../../output/show.ts'
import { ALERT_NAME } from './name-argument.ts'

type Rotated = Alert & { readonly signingSecret: string | null }

export const command = defineCommand({
  args: { name: ALERT_NAME },
  options: {},
  details: ['Of a webhook. The old secret signs nothing from then on; the new one is shown only now.'],
  examples: [
    { line: 'panda alert rotate-secret ops', note: 'asks first' },
    { line: 'panda alert rotate-secret ops --yes', note: 'does not ask' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    await session.confirm(`Replace the signing secret of alert ${args.name}?`)
    const path = `${pathOf('alerts', args.name)}/rotate-secret`
    const call = () => api.post<Rotated>(path, undefined, api.project)
    const alert = await withNearNames(api, 'alerts', args.name, call)
    await show(session, alert, {
      name: () => alert.name,
      human: () => `New signing secret of alert ${alert.name} (shown only now): ${alert.signingSecret ?? 'none'}`,
    })
  },
})
