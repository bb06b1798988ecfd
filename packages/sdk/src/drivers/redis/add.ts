import type { Added, NewJob } from '../../queue/driver.ts'
import { addScript } from './lua/add.ts'
import { pack } from './packed.ts'
import { Script, type ScriptArgument } from './script.ts'
import type { Store } from './store.ts'

const script = new Script(addScript)

export async function add(
  store: Store,
  queue: string,
  jobs: readonly NewJob[],
  signal?: AbortSignal,
): Promise<readonly Added[]> {
  if (jobs.length === 0) return []
  await store.register(queue)
  if (jobs.every(isPlain)) {
    const args: ScriptArgument[] = [jobs.length]
    for (const job of jobs) args.push(job.id, pack(job))
    await store.run(script, queue, args, signal)
    return jobs.map(({ id }) => ({ id, deduplicated: false }))
  }
  const args: ScriptArgument[] = [0]
  for (const job of jobs) args.push(...addArguments(job))
  const answer = (await store.run(script, queue, args, signal)) as (string | number)[]
  return jobs.map((_, index) => ({ id: String(answer[2 * index]), deduplicated: answer[2 * index + 1] === 1 }))
}

/** It only has to be put at the end of the list of ordinary jobs; a whole batch of such is one command. */
function isPlain(job: NewJob): boolean {
  const waits = job.delayMs > 0 || job.runAt !== null || job.children.length > 0
  return !waits && job.priority === 0 && job.group === null && job.key === null
}

/** Nine arguments, as `addOther` of the script takes them. */
export function addArguments(job: NewJob): ScriptArgument[] {
  const children = job.children.map((child) => [child.job.id, JSON.stringify(['a', child])])
  return [
    job.id,
    pack(job),
    job.priority,
    job.group === null ? '-' : `+${job.group}`,
    Math.max(0, Math.round(job.delayMs)),
    job.runAt === null ? '' : Math.round(job.runAt),
    job.key === null ? '-' : `+${job.key.value}`,
    job.key === null ? 0 : Math.max(1, Math.round(job.key.ttlMs)),
    children.length === 0 ? '' : JSON.stringify(children),
  ]
}
