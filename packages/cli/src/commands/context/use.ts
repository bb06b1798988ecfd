import { readConfigFile, writeConfigFile } from '../../config-file.ts'
import { defineCommand } from '../../command.ts'
import { pick } from '../../context.ts'

export const command = defineCommand({
  args: { name: { value: 'NAME', text: 'Name of a saved login', required: true, completes: 'context' } },
  options: {},
  formats: false,
  examples: [
    { line: 'panda context use prod', note: 'from now on commands go there' },
    { line: 'panda status --context prod', note: 'only this one command goes there' },
  ],
  async run({ args, session }) {
    const file = await readConfigFile(session.io.env)
    const context = pick(file, args.name)
    await writeConfigFile(session.io.env, { ...file, current: args.name })
    await session.print(`Now using ${args.name} (${context.url}).`)
  },
})
