import { defineCommand } from '../../command.ts'
import { segment } from '../../http/client.ts'

export const command = defineCommand({
  args: { names: { value: 'NAME', text: 'Variables', many: true, required: true } },
  options: {},
  formats: false,
  examples: [
    { line: 'panda env unset REGION', note: 'one variable' },
    { line: 'panda env unset REGION LOG_LEVEL', note: 'several' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    for (const name of args.names) await api.delete(`/v1/env/${segment(name)}`, api.project)
    await session.print(`Unset ${args.names.join(', ')}.`)
  },
})
