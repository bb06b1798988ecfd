import type { Run, RunDetail } from '@pandastack/contract'
import { waitFor } from '../support/wait-for.ts'
import type { PandaOptions, PandaResult } from './panda.ts'
import type { World } from './world.ts'

/** A schedule for what is only started by hand. */
export const NEVER_SOON = '0 0 1 1 *'

/** The head of `panda cronjob runs`. */
export const RUNS_HEAD = ['RUN', 'DUE', 'STARTED', 'LATE', 'OUTCOME', 'REASON', 'EXIT', 'TOOK', 'TRIGGER', 'WHO']

/** What of a world the helpers need. */
export type Site = Pick<World, 'panda' | 'image'>

/** The words behind `--` for a script. */
export function shell(script: string): string[] {
  return ['--', 'sh', '-c', script]
}

/** A cronjob of the world's image that runs the script. @returns what the CLI said */
export function createJob(
  { panda, image }: Site,
  name: string,
  script: string,
  options: readonly string[] = [],
  more: PandaOptions = {},
): Promise<string> {
  const schedule = options.includes('--schedule') ? [] : ['--schedule', NEVER_SOON]
  return panda.ok(['cronjob', 'create', name, '--image', image, ...schedule, ...options, ...shell(script)], more)
}

export interface ShownRun extends PandaResult {
  readonly run: RunDetail
}

/** Starts it by hand, follows it to its end, and reads the run. */
export async function followJob({ panda }: Site, name: string, options: readonly string[] = []): Promise<ShownRun> {
  const result = await panda.run(['cronjob', 'run', name, '--follow', ...options])
  const id = /Started run (run_[0-9a-f]{32})/.exec(result.stderr)?.[1]
  if (id === undefined) throw new Error(`panda cronjob run ${name} ended with ${result.code}:\n${result.stderr}`)
  return { ...result, run: await panda.json<RunDetail>(['run', 'get', id]) }
}

/** Starts it by hand and returns at once. */
export async function startJob({ panda }: Site, name: string, options: readonly string[] = []): Promise<string> {
  const run = await panda.json<Run>(['cronjob', 'run', name, ...options])
  return run.id
}

/** All rows of a cronjob, the earliest due first. */
export async function rowsOf({ panda }: Site, name: string): Promise<Run[]> {
  const { items } = await panda.json<{ items: Run[] }>(['cronjob', 'runs', name, '--limit', '500'])
  return items.toSorted((a, b) => a.dueAt.localeCompare(b.dueAt))
}

/** Waits until the run is in the state. */
export function untilState({ panda }: Site, id: string, state: Run['state']): Promise<RunDetail> {
  return panda.until<RunDetail>(`${id} to be ${state}`, ['run', 'get', id], (run) => run.state === state)
}

/** Waits until the run's container has written the text. */
export async function untilLogged({ panda }: Site, id: string, text: string): Promise<void> {
  const written = async (): Promise<boolean> => (await panda.ok(['run', 'logs', id])).includes(text)
  await waitFor(`${id} to log "${text}"`, written, 30_000)
}
