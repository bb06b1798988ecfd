import type { AppDetail } from '@pandastack/contract'
import type { Client } from '../http/client.ts'
import { pathOf, withNearNames } from '../near-names.ts'
import { show } from '../output/show.ts'
import type { Session } from '../session.ts'
import { awaitApp } from './await-app.ts'
import { drainWords } from './view.ts'

export interface AppChange {
  readonly name: string
  /** The end of the path, e.g. `restart`. */
  readonly verb: string
  readonly body?: unknown
  /** Return at once. */
  readonly detach: boolean
  /** Of the sentence at the end, e.g. `Restarted`. */
  readonly done: string
  readonly reached: (app: AppDetail) => boolean
  /** Say what became of the work of the instances that were replaced. Default false. */
  readonly tellsDrain?: boolean
}

/** Makes a change of an app and, unless detached, waits until its instances have followed. */
export async function changeApp(session: Session, api: Client, change: AppChange): Promise<void> {
  const { name, verb, body, detach, done, reached, tellsDrain = false } = change
  const path = `${pathOf('apps', name)}/${verb}`
  const asked = await withNearNames(api, 'apps', name, () => api.post<AppDetail>(path, body, api.project))
  if (detach) {
    await show(session, asked, { name: () => name, human: () => `Recorded; the instances of ${name} follow.` })
    return session.hint(`Look at it: panda app get ${name}`)
  }
  const app = await awaitApp(session, api, { name, deploying: asked.deploy.state === 'deploying', reached })
  await show(session, app, { name: () => name, human: () => readySentence(session, app, done, tellsDrain) })
}

/** `Deployed app thumbnailer: 2 of 2 ready, revision 2.` and what became of the work of those that were replaced. */
export function readySentence(session: Session, app: AppDetail, done: string, tellsDrain: boolean): string {
  const head = `${session.style.green(done)} app ${session.style.bold(app.name)}`
  const state = app.state === 'stopped' ? '' : `: ${app.ready} of ${app.replicas} ready, revision ${app.revision}`
  const drained = tellsDrain ? drainWords(app.deploy) : null
  return `${head}${state}.${drained === null ? '' : `\n  ${drained}.`}`
}
