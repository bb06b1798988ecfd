import { setTimeout as delay } from 'node:timers/promises'
import type { AppDetail, AppLogLine } from '@pandastack/contract'
import { CliError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { Client } from '../http/client.ts'
import { pathOf } from '../near-names.ts'
import { plain } from '../output/clean.ts'
import type { Session } from '../session.ts'
import { drainWords } from './view.ts'

const LOOK_EVERY_MS = 250
const LAST_LINES = 10

export interface AwaitApp {
  readonly name: string
  /** The change is a deploy: it may fail. */
  readonly deploying: boolean
  /** What tells that the change has come about. */
  readonly reached: (app: AppDetail) => boolean
}

/**
 * Waits until the change has come about, showing each step on stderr.
 *
 * @returns the app then
 * @throws CliError `deploy_failed` (5) with the reason and the last log lines, `interrupted` (130)
 */
export async function awaitApp(
  session: Session,
  api: Client,
  { name, deploying, reached }: AwaitApp,
): Promise<AppDetail> {
  const stop = new AbortController()
  const release = session.io.onInterrupt(() => stop.abort())
  let said = ''
  try {
    for (;;) {
      const app = await api.get<AppDetail>(pathOf('apps', name), api.project)
      if (deploying && app.deploy.state === 'failed') throw await failure(session, api, app)
      if (reached(app)) return app
      const step = stepOf(app)
      if (step !== said) await session.hint(step)
      said = step
      await delay(LOOK_EVERY_MS, undefined, { signal: stop.signal })
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
    throw new CliError('detached; the change goes on', {
      code: 'interrupted',
      exitCode: EXIT.interrupted,
      hint: `Look at it: panda app get ${name}`,
    })
  } finally {
    release()
  }
}

function stepOf(app: AppDetail): string {
  const { deploy, revision, replicas } = app
  const own = app.instances.filter((instance) => instance.revision === revision && instance.finishedAt === null)
  if (deploy.state === 'deploying') {
    const phase = own.find(({ ready }) => !ready)?.phase ?? 'queued'
    return `revision ${revision}: ${own.filter(({ ready }) => ready).length} of ${replicas} ready (${phase})`
  }
  const live = app.instances.filter(({ finishedAt }) => finishedAt === null).length
  return drainWords(deploy) ?? `${app.ready} of ${replicas} ready, ${live} running`
}

/** Shows the last lines of an instance that failed. */
async function failure(session: Session, api: Client, app: AppDetail): Promise<CliError> {
  const { revision, message } = app.deploy
  const failed = app.instances.find((instance) => instance.revision === revision)
  const query = { ...api.project, tail: LAST_LINES, ...(failed === undefined ? {} : { instance: failed.id }) }
  const log = await api.get<{ items: AppLogLine[] }>(`${pathOf('apps', app.name)}/logs`, query)
  if (log.items.length > 0) await session.say('The last lines of an instance that failed:')
  for (const { text } of log.items) await session.say(`  ${plain(text)}`)
  const serves = app.readyRevision === null ? 'No revision serves.' : `Revision ${app.readyRevision} goes on as before.`
  return new CliError(`the deploy of ${app.name} failed: ${plain(message ?? 'for an unknown reason')}. ${serves}`, {
    code: 'deploy_failed',
    exitCode: EXIT.runFailed,
    hint: `See more: panda app logs ${app.name}; panda app get ${app.name}`,
  })
}

/** No deploy is under way, all instances of the revision that serves are ready, and no others are left. */
export function settled(app: AppDetail): boolean {
  const live = app.instances.filter(({ finishedAt }) => finishedAt === null)
  const serving = live.filter(({ ready, revision }) => ready && revision === app.readyRevision)
  return app.deploy.state !== 'deploying' && serving.length === app.replicas && live.length === app.replicas
}

export function stopped(app: AppDetail): boolean {
  return app.instances.every(({ finishedAt }) => finishedAt !== null)
}
