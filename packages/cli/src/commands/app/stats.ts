import { type InstanceUsage, parseDuration, type Usage } from '@pandastack/contract'
import { unknownWords, USAGE_COLUMNS, WIDE_USAGE_COLUMNS } from '../../apps/usage-view.ts'
import { defineCommand, flag, text } from '../../command.ts'
import { usageError } from '../../errors.ts'
import { EXIT } from '../../exit-codes.ts'
import type { Client } from '../../http/client.ts'
import { pathOf, withNearNames } from '../../near-names.ts'
import { redraw } from '../../output/redraw.ts'
import { showList } from '../../output/show.ts'
import { renderTable } from '../../output/table.ts'
import type { Session } from '../../session.ts'
import { APP_NAME } from './name-argument.ts'

/** Of all apps of the project. */
const ALL = 'all'

export const command = defineCommand({
  args: { name: { ...APP_NAME, text: 'Name of the app; all, or none: every app of the project', required: false } },
  options: {
    watch: flag('Measure again and again until Ctrl-C', { short: 'w' }),
    every: text('DURATION', 'How long the CPU is watched for each look, 100ms to 10s [1s]'),
  },
  details: [
    'Measured by the container engine when you ask. CPU is in percent of one core: 200.0% = two cores at work.',
    'Memory is without file pages that the kernel drops when it needs room. --watch -o json: one line per look.',
  ],
  examples: [
    { line: 'panda app stats thumbnailer', note: 'memory and CPU of each instance' },
    { line: 'panda app stats all -o json', note: 'of all apps of the project, in bytes and cores' },
  ],
  async run({ args, options, session }) {
    const { format } = session.globals
    if (options.watch && (format === 'yaml' || format === 'name')) {
      throw usageError(`--watch cannot be shown as ${format}`, 'Use -o json: one line per look.')
    }
    const window = windowOf(options.every ?? '1s')
    const api = await session.api()
    const look = (signal?: AbortSignal) => measure(api, args.name ?? ALL, window, signal)
    return options.watch ? watch(session, look) : showOnce(session, await look())
  },
})

async function measure(
  api: Client,
  name: string,
  window: string,
  signal: AbortSignal | undefined,
): Promise<readonly InstanceUsage[]> {
  const query = { ...api.project, window }
  const options = signal === undefined ? {} : { signal }
  if (name === ALL) return (await api.get<Usage>('/v1/usage', query, options)).items
  const path = `${pathOf('apps', name)}/usage`
  return (await withNearNames(api, 'apps', name, () => api.get<Usage>(path, query, options))).items
}

/** Each look lasts as long as the CPU is watched, so that there is no gap between them. @returns the exit code */
async function watch(
  session: Session,
  look: (signal: AbortSignal) => Promise<readonly InstanceUsage[]>,
): Promise<number> {
  const stop = new AbortController()
  const release = session.io.onInterrupt(() => stop.abort())
  try {
    while (!stop.signal.aborted) await showLook(session, await look(stop.signal))
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    release()
  }
  return EXIT.interrupted
}

async function showOnce(session: Session, items: readonly InstanceUsage[]): Promise<void> {
  await showList(
    session,
    { items, nextCursor: null },
    {
      columns: USAGE_COLUMNS,
      wideColumns: WIDE_USAGE_COLUMNS,
      name: ({ instance }) => instance,
      empty: 'No instance is running.',
    },
  )
  for (const line of unknownWords(items)) await session.hint(line)
}

async function showLook(session: Session, items: readonly InstanceUsage[]): Promise<void> {
  const { format } = session.globals
  if (format === 'json') return session.print(JSON.stringify({ items }))
  const { stdout } = session.io
  const columns = format === 'wide' ? [...USAGE_COLUMNS, ...WIDE_USAGE_COLUMNS] : USAGE_COLUMNS
  const table = renderTable(items, columns, { width: stdout.isTTY === true ? stdout.columns : undefined })
  await redraw(session, [table, ...unknownWords(items)].join('\n'))
}

function windowOf(given: string): string {
  try {
    const milliseconds = parseDuration(given)
    if (milliseconds >= 100 && milliseconds <= 10_000) return given
  } catch (error) {
    throw usageError(`--every: ${error instanceof Error ? error.message : String(error)}`)
  }
  throw usageError(`--every: ${given} is not from 100ms to 10s`)
}
