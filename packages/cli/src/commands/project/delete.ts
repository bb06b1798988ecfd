import { defineCommand } from '../../command.ts'
import { segment } from '../../http/client.ts'

export const command = defineCommand({
  args: { name: { value: 'NAME', text: 'Name of the project', required: true, asOption: true, completes: 'project' } },
  options: {},
  formats: false,
  details: ['Its history, settings, alerts and tokens go with it. It must not have cronjobs any more.'],
  examples: [
    { line: 'panda project delete shop', note: 'asks to type the name' },
    { line: 'panda project delete staging --yes', note: 'does not ask, for scripts' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    await session.confirm(`Delete project ${args.name} with all its history, settings and tokens?`, args.name)
    await api.delete(`/v1/projects/${segment(args.name)}`)
    await session.print(`Deleted project ${args.name}.`)
  },
})
