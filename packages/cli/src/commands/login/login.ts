import type { Status } from '@pandastack/contract'
import { DEFAULT_PORT } from '@pandastack/contract/names'
import { readConfigFile, writeConfigFile } from '../../config-file.ts'
import { defineCommand, text } from '../../command.ts'
import { usageError } from '../../errors.ts'
import { Client } from '../../http/client.ts'
import { readAll } from '../../io.ts'
import type { Session } from '../../session.ts'

export const command = defineCommand({
  args: {},
  options: { name: text('NAME', 'Name of this login; default: the host of the address') },
  formats: false,
  details: [
    'The address comes from --url or PANDA_URL, the token from PANDA_TOKEN, standard input or a question.',
    'It is tried out first, then kept in a file that only you can read. --project becomes its project.',
    'On the machine of the server with the same PANDA_HOME no login is needed.',
  ],
  examples: [
    { line: 'panda login --url https://panda.example.com --name prod', note: 'asks for the token' },
    { line: 'panda login --url https://panda.example.com --name staging < token.txt', note: 'from a file' },
  ],
  async run({ options, session }) {
    const target = await session.target()
    const url = target.source === 'default' ? `http://127.0.0.1:${DEFAULT_PORT}` : target.url
    const token = await tokenFor(session, url)
    const status = await new Client({ url, token, project: undefined, source: 'login' }).get<Status>('/v1/status')
    const name = options.name ?? new URL(url).host
    const file = await readConfigFile(session.io.env)
    const { project } = session.globals
    const context = { url, token, ...(project === undefined ? {} : { project }) }
    await writeConfigFile(session.io.env, { current: name, contexts: { ...file.contexts, [name]: context } })
    await session.print(`Logged in to ${url} as ${name} (server ${status.version}).`)
  },
})

async function tokenFor(session: Session, url: string): Promise<string> {
  const fromEnv = session.io.env['PANDA_TOKEN']
  if (fromEnv !== undefined && fromEnv !== '') return fromEnv
  if (session.io.stdin.isTTY === true) return session.askSecret(`Token for ${url}`, 'Set PANDA_TOKEN.')
  const token = (await readAll(session.io.stdin)).trim()
  if (token === '') throw usageError('no token was given', 'Set PANDA_TOKEN, or pipe it in: panda login < token.txt')
  if (/[^\x21-\x7e]/.test(token)) throw usageError('the token holds blanks or signs that no token has')
  return token
}
