import { choice, defineCommand, integer, text } from '../../command.ts'
import { CliError, isForPeople, usageError, type ForPeople } from '../../errors.ts'
import { EXIT } from '../../exit-codes.ts'
import { loadServer } from '../../packages.ts'

const HIGHEST_PORT = 65_535

export const command = defineCommand({
  args: {},
  options: {
    port: integer('PORT', 'Port; 0 = a free one [7300]', 0),
    host: text('ADDRESS', 'Address to listen on [127.0.0.1]'),
    home: text('FOLDER', 'Where everything is kept (PANDA_HOME)'),
    runtime: choice(
      ['auto', 'docker', 'process', 'fake'],
      'What runs the work: auto, docker (also Podman), process',
      'NAME',
    ),
  },
  formats: false,
  details: [
    'Keeps running until Ctrl-C or SIGTERM. Without DATABASE_URL it starts a PostgreSQL of its own in its home.',
    'All settings: docs/reference/configuration.md.',
  ],
  examples: [
    { line: 'panda server', note: 'on http://127.0.0.1:7300; the CLI on this machine needs no login' },
    { line: 'panda server --port 7400 --home ./panda-home --runtime process', note: 'elsewhere, without containers' },
  ],
  async run({ options }) {
    const { port, host, home, runtime } = options
    if (port !== undefined && port > HIGHEST_PORT) throw usageError(`--port: ${port} is above ${HIGHEST_PORT}`)
    // The one place that loads the server, and only when it is started: no other command pays for it.
    const { runServer } = await loadServer()
    try {
      await runServer({
        ...(port === undefined ? {} : { port }),
        ...(host === undefined ? {} : { host }),
        ...(home === undefined ? {} : { home }),
        ...(runtime === undefined ? {} : { runtime }),
      })
    } catch (error) {
      throw isForPeople(error) ? startFailure(error) : error
    }
  },
})

function startFailure(error: ForPeople): CliError {
  return new CliError(error.message, { code: error.code, exitCode: EXIT.failed, hint: error.hint, cause: error })
}
