import type { QueueSettings, Rate } from '../../queue/driver.ts'
import { settingsOf } from './stats.ts'
import type { Store } from './store.ts'

export async function configure(
  store: Store,
  queue: string,
  settings: Partial<QueueSettings>,
  signal?: AbortSignal,
): Promise<QueueSettings> {
  const { paused, concurrency, rate, groupConcurrency, groupRate } = settings
  const columns = {
    ...(paused === undefined ? {} : { paused }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(groupConcurrency === undefined ? {} : { group_concurrency: groupConcurrency }),
    ...rateColumns('rate', rate),
    ...rateColumns('group_rate', groupRate),
  }
  const [row] = await store.run(
    {
      text: 'select * from {s}.configure_1($1::int4, $2::jsonb)',
      values: [await store.queue(queue), JSON.stringify(columns)],
      doing: `change the settings of ${queue}`,
    },
    signal,
  )
  return settingsOf(row ?? {})
}

function rateColumns(prefix: string, rate: Rate | null | undefined): Readonly<Record<string, number | null>> {
  if (rate === undefined) return {}
  return {
    [`${prefix}_limit`]: rate?.limit ?? null,
    [`${prefix}_per_ms`]: rate === null ? null : Math.max(1, Math.round(rate.perMs)),
  }
}
