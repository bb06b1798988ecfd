import type { Store } from './store.ts'

export async function queues(store: Store, signal?: AbortSignal): Promise<readonly string[]> {
  const rows = await store.run(
    { text: 'select name from {s}.queues order by name collate "C"', doing: 'list the queues' },
    signal,
  )
  return rows.map((row) => String(row['name']))
}
