import { runExec } from '../../apps/run-exec.ts'
import { defineCommand, flag, text } from '../../command.ts'
import { usageError } from '../../errors.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { APP_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: APP_NAME },
  options: {
    instance: text('INSTANCE', 'In this one, by name or id [a ready one of the newest revision]'),
    interactive: flag('Send standard input (a pipe or file is always sent)', { short: 'i' }),
    tty: flag('Give the command a terminal; goes with -i', { short: 't' }),
  },
  words: 'Command to run, as it is: without a shell',
  formats: false,
  details: [
    'Runs beside the worker, as the same user, with the same variables and limits. For a shell: -it NAME -- sh.',
    'The exit code is that of the command: 127 when there is no such command, 126 when it may not be run.',
    'Its output is not logged and secrets in it are not hidden; the server logs who ran what where.',
  ],
  examples: [
    { line: 'panda app exec thumbnailer -- env', note: 'its variables, in the instance' },
    { line: 'panda app exec thumbnailer -- sh -c "ls -l /tmp | wc -l"', note: 'pipes and patterns need a shell' },
  ],
  async run({ args, options, words, session }) {
    if (words === null || words.length === 0) {
      throw usageError('panda app exec needs a command behind --', `E.g. panda app exec ${args.name} -- env`)
    }
    const { io } = session
    if (options.tty && io.stdin.isTTY !== true) {
      throw usageError('-t needs a terminal, and standard input is none', 'Leave out -t: pipes work without it.')
    }
    const api = await session.api()
    const call = {
      path: `${pathOf('apps', args.name)}/exec`,
      query: { ...api.project, instance: options.instance },
      command: words,
      tty: options.tty,
      input: options.interactive || io.stdin.isTTY !== true,
    }
    return withNearNames(api, 'apps', args.name, () => runExec(io, api, call))
  },
})
