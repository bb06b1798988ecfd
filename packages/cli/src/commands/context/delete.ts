import { readConfigFile, writeConfigFile } from '../../config-file.ts'
import { defineCommand } from '../../command.ts'
import { pick } from '../../context.ts'

export const command = defineCommand({
  args: { name: { value: 'NAME', text: 'Name of a saved login', required: true, completes: 'context' } },
  options: {},
  formats: false,
  details: ['Forgets the login on this machine; the token stays valid until panda token revoke.'],
  examples: [
    { line: 'panda context delete prod', note: 'asks first' },
    { line: 'panda context delete staging --yes', note: 'does not ask, for scripts' },
  ],
  async run({ args, session }) {
    const file = await readConfigFile(session.io.env)
    pick(file, args.name)
    await session.confirm(`Forget the login ${args.name}?`)
    const { [args.name]: _, ...contexts } = file.contexts
    await writeConfigFile(session.io.env, { current: file.current === args.name ? null : file.current, contexts })
    await session.print(`Forgot the login ${args.name}.`)
  },
})
