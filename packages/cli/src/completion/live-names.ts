import type { Completes } from '../command.ts'
import { readConfigFile } from '../config-file.ts'
import { CliError } from '../errors.ts'
import type { Page } from '../output/show.ts'
import type { Session } from '../session.ts'

export interface LiveName {
  readonly name: string
  readonly about: string
}

/** Somebody waits at the prompt: rather no names than late ones. */
const ANSWER_WITHIN_MS = 1000
const MOST_NAMES = 200

/** Names of one kind, or none when the server does not answer at once: a <TAB> never shows an error. */
export async function liveNames(session: Session, kind: Completes): Promise<readonly LiveName[]> {
  try {
    if (kind === 'context') return await contexts(session)
    return await fromServer(session, kind)
  } catch (error) {
    if (error instanceof CliError) return []
    throw error
  }
}

async function contexts(session: Session): Promise<LiveName[]> {
  const { contexts } = await readConfigFile(session.io.env)
  return Object.entries(contexts).map(([name, { url }]) => ({ name, about: url }))
}

const PATHS = {
  cronjob: '/v1/cronjobs',
  app: '/v1/apps',
  run: '/v1/runs',
  project: '/v1/projects',
  alert: '/v1/alerts',
} as const

async function fromServer(session: Session, kind: Exclude<Completes, 'context'>): Promise<LiveName[]> {
  const api = await session.api()
  // A project has few alerts: their list knows no pages.
  const limit = kind === 'alert' ? undefined : MOST_NAMES
  const query = kind === 'project' ? { limit } : { ...api.project, limit }
  const options = { timeoutMs: ANSWER_WITHIN_MS }
  if (kind === 'run') {
    const page = await api.get<Page<{ id: string; cronjob: string; state: string }>>(PATHS[kind], query, options)
    return page.items.map(({ id, cronjob, state }) => ({ name: id, about: `${cronjob}, ${state}` }))
  }
  const page = await api.get<Page<{ name: string; schedule?: string }>>(PATHS[kind], query, options)
  return page.items.map(({ name, schedule }) => ({ name, about: schedule ?? '' }))
}
