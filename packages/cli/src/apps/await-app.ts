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

/** Several that are waited for at once. */
interface Together {
  readonly signal: AbortSignal
  /** Time between two looks. */
  readonly everyMs: number
  /** Each step names its app. */
  readonly labelled: boolean
}

/**
 * Waits until the change has come about, showing each step on stderr.
 *
 * @returns the app then
 * @throws CliError `deploy_failed` (5) with the reason and the last log lines, `interrupted` (130)
 */
export async function awaitApp(session: Session, api: Client, wanted: AwaitApp): Promise<AppDetail> {
  const stop = new AbortController()
  const release = session.io.onInterrupt(() => stop.abort())
  try {
    return await watch(session, api, wanted, { signal: stop.signal, everyMs: LOOK_EVERY_MS, labelled: false })
  } finally {
    release()
  }
}

/**
 * Waits until all of them are settled. One that fails does not end the wait for the others.
 *
 * @param onReady told of each as soon as it is
 * @throws CliError of the one that failed; of several `deploy_failed` (5) that names them, after what each has to say;
 * `interrupted` (130)
 */
export async function awaitApps(
  session: Session,
  api: Client,
  wanted: readonly AwaitApp[],
  onReady: (app: AppDetail) => Promise<void>,
): Promise<void> {
  const stop = new AbortController()
  const release = session.io.onInterrupt(() => stop.abort())
  // Together not more calls than eight of them make alone: the server counts calls.
  const everyMs = LOOK_EVERY_MS * Math.max(1, wanted.length / 8)
  const together = { signal: stop.signal, everyMs, labelled: true }
  try {
    const ends = await Promise.allSettled(
      wanted.map(async (each) => onReady(await watch(session, api, each, together))),
    )
    const errors = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []))
    if (errors.length > 0) throw await asOne(session, errors)
  } finally {
    release()
  }
}

async function asOne(session: Session, errors: readonly unknown[]): Promise<unknown> {
  const notDeploys = errors.find((error) => !(error instanceof CliError) || error.code !== 'deploy_failed')
  if (errors.length === 1 || notDeploys !== undefined) return notDeploys ?? errors[0]
  for (const error of errors) await session.say((error as CliError).message)
  return new CliError(`${errors.length} deploys failed`, {
    code: 'deploy_failed',
    exitCode: EXIT.runFailed,
    why: errors.map((error) => (error as CliError).message),
    hint: 'See: panda app list; panda app logs NAME',
  })
}

async function watch(
  session: Session,
  api: Client,
  { name, deploying, reached }: AwaitApp,
  { signal, everyMs, labelled }: Together,
): Promise<AppDetail> {
  let said = ''
  try {
    for (;;) {
      const app = await api.get<AppDetail>(pathOf('apps', name), api.project)
      if (deploying && app.deploy.state === 'failed') throw await failure(session, api, app)
      if (reached(app)) return app
      const step = stepOf(app)
      if (step !== said) await session.hint(labelled ? `${name}: ${step}` : step)
      said = step
      await delay(everyMs, undefined, { signal })
    }
  } catch (error) {
    if (!signal.aborted) throw error
    throw new CliError('detached; the change goes on', {
      code: 'interrupted',
      exitCode: EXIT.interrupted,
      hint: `Look at it: panda app get ${name}`,
    })
  }
}

function stepOf(app: AppDetail): string {
  const { deploy, revision, replicas } = app
  const own = app.instances.filter((instance) => instance.revision === revision && instance.finishedAt === null)
  if (deploy.state === 'deploying') {
    const next = own.find(({ ready }) => !ready)
    const phase = next?.phase ?? plain(next?.message ?? 'queued')
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
  if (log.items.length > 0) await session.say(`The last lines of an instance of ${app.name} that failed:`)
  for (const { text } of log.items) await session.say(`  ${plain(text)}`)
  const serves = servesWords(app)
  return new CliError(`the deploy of ${app.name} failed: ${plain(message ?? 'for an unknown reason')}. ${serves}`, {
    code: 'deploy_failed',
    exitCode: EXIT.runFailed,
    hint: `See more: panda app logs ${app.name}; panda app get ${app.name}`,
  })
}

/** What had to make room for a port is started anew. */
function servesWords({ readyRevision, instances }: AppDetail): string {
  if (readyRevision === null) return 'No revision serves.'
  const goesOn = instances.some(({ revision, ready }) => revision === readyRevision && ready)
  return `Revision ${readyRevision} ${goesOn ? 'goes on as before' : 'is started again'}.`
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
