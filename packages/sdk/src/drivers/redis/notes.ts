import { PandaError } from '../../errors.ts'
import type { JobRecord, Note } from '../../queue/driver.ts'
import { noteScript, watchScript } from './lua/notes.ts'
import { toRecord, type RawJob } from './record.ts'
import { Script } from './script.ts'
import type { Store } from './store.ts'

const noting = new Script(noteScript)
const watching = new Script(watchScript)
const MAX_LINES = 1000

export async function note(store: Store, queue: string, id: string, fence: string, given: Note): Promise<boolean> {
  const lines = (given.lines ?? []).slice(-MAX_LINES)
  const progress = given.progress === undefined ? ['', ''] : ['1', given.progress]
  return (await store.run(noting, queue, [id, fence, ...progress, MAX_LINES, ...lines])) === 1
}

export async function logs(store: Store, queue: string, id: string): Promise<readonly string[]> {
  const key = `${store.prefixOf(queue)}log:${id}`
  return store.connection.call(async (redis) => redis.lrange(key, 0, -1))
}

/** @throws PandaError job_not_found */
export async function watch(store: Store, queue: string, id: string): Promise<JobRecord | null> {
  const raw = (await store.run(watching, queue, [id])) as RawJob | null
  if (raw === null) return null
  const record = toRecord(id, raw)
  if (record === null) throw new PandaError('job_not_found', `The queue ${queue} has no job ${id}.`)
  return record
}
