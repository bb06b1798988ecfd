import { PULL_POLICIES, READY_MODES } from '@pandastack/contract/names'
import type { DeployAppInput } from '@pandastack/contract'
import { choice, defineCommand, flag, integer, list, text } from '../../command.ts'
import { changeApp } from '../../apps/change-app.ts'
import { probeBody } from '../../apps/probe-body.ts'
import { settled } from '../../apps/await-app.ts'
import { orNone, parsePairs, readEnvFiles } from '../../values.ts'
import { commandBody, parseCpus } from '../cronjob/spec-body.ts'
import { warnOfEngine } from '../../runs/warn-of-engine.ts'
import { APP_NAME } from './name-argument.ts'

export const command = defineCommand({
  args: { name: APP_NAME },
  options: {
    image: text('IMAGE', 'Container image; needed the first time'),
    replicas: integer('N', 'Instances [1, then as before]', 0),
    env: list('KEY=VALUE', 'Variable; wins over those of the project'),
    envFile: list('FILE', 'Variables from a dotenv file'),
    memory: text('SIZE', 'Limit per instance, e.g. 512Mi, 2Gi [512Mi]'),
    cpus: text('N', 'Limit per instance, e.g. 0.5 [1]'),
    port: text('HOST:CONTAINER', 'Publish a port of the container on this machine, or none [none]'),
    drain: text('TIME', 'An ending instance may finish its work for so long [30s]'),
    ready: choice(READY_MODES, 'registered: when its worker says so; auto: that, or after 5 s [auto]', 'MODE'),
    probe: text('URL', 'Ready when this answers, e.g. http://:3000/healthz; or none [none]'),
    probeCommand: text('WORDS', 'Ready when this exits with 0: a JSON array or one word; run in the container'),
    probeInterval: text('TIME', 'From the end of one try of the probe to the next [1s]'),
    probeTimeout: text('TIME', 'One try of the probe may take so long [5s]'),
    readyTimeout: text('TIME', 'The deploy has failed when it is not ready by then [2m]'),
    pull: choice(PULL_POLICIES, 'Pull the image: always, missing, never', 'POLICY'),
    entrypoint: text('WORDS', 'Replace the entry point: a JSON array or one word'),
    command: text('WORDS', 'Replace the command: a JSON array, or words after --'),
    detach: flag('Return at once, do not wait until it is ready', { short: 'd' }),
  },
  words: 'Start command for the container',
  details: [
    'New instances start beside the old ones. When all are ready, the old ones take no new work, finish what they',
    'hold within the drain time and hand back the rest. When they do not become ready, the old ones stay and the',
    'exit code is 5. What is left out stays as it was.',
    'With --port there is one instance; the old one ends before the new one starts: both want the port. Only this',
    'machine reaches it; write 0.0.0.0:8080:3000 for others to.',
  ],
  examples: [
    {
      line: 'panda app deploy --name thumbnailer --image your-org/api:latest -- node worker.js',
      note: 'the same image as the API, another start command',
    },
    {
      line: 'panda app deploy thumbnailer --image your-org/api:v2 --replicas 2 --drain 5m',
      note: 'the next version; jobs of up to 5 minutes are finished',
    },
    {
      line: 'panda app deploy api --image your-org/api:latest --port 8080:3000 -- node server.js',
      note: 'an HTTP API at http://127.0.0.1:8080; PORT is 3000 in it',
    },
  ],
  async run({ args, options, words, session }) {
    const env = { ...(await readEnvFiles(options.envFile)), ...parsePairs(options.env) }
    const { image, replicas, memory, drain, ready, readyTimeout, pull, cpus, port } = options
    const named = { image, replicas, memory, drain, ready, readyTimeout, pull, probe: probeBody(options) }
    const body: DeployAppInput = {
      ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)),
      ...(port === undefined ? {} : { port: orNone(port) }),
      ...(cpus === undefined ? {} : { cpus: parseCpus(cpus) }),
      ...(Object.keys(env).length === 0 ? {} : { env }),
      ...commandBody(options, words),
    }
    const api = await session.api()
    await warnOfEngine(session, api)
    const { name } = args
    await changeApp(session, api, {
      name,
      verb: 'deploys',
      body,
      detach: options.detach,
      done: 'Deployed',
      reached: settled,
      tellsDrain: true,
    })
    await session.hint(`Its log: panda app logs ${name} --follow`)
  },
})
