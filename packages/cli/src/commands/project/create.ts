import type { Project } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { show } from '../../output/show.ts'

export const command = defineCommand({
  args: { name: { value: 'NAME', text: 'Name of the project', required: true, asOption: true } },
  options: {},
  examples: [
    { line: 'panda project create shop', note: 'its own cronjobs, variables, secrets and alerts' },
    { line: 'panda project create --name staging', note: 'the same, by option' },
  ],
  async run({ args, session }) {
    const api = await session.api()
    const project = await api.post<Project>('/v1/projects', { name: args.name })
    await show(session, project, { name: () => project.name, human: () => `Created project ${project.name}.` })
    await session.hint(`Work in it: -p ${project.name}, or PANDA_PROJECT=${project.name}`)
  },
})
