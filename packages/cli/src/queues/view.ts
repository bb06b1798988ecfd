import type { JobView, QueueView } from '@pandastack/contract'
import { plain } from '../output/clean.ts'
import { paintState } from '../output/style.ts'
import { renderFields, type Column } from '../output/table.ts'
import { relative } from '../output/time.ts'
import type { Session } from '../session.ts'

const number = (head: string, cell: (queue: QueueView) => number): Column<QueueView> => ({
  head,
  cell: (queue) => String(cell(queue)),
  right: true,
})

export function queueColumns(session: Session): Column<QueueView>[] {
  return [
    { head: 'QUEUE', cell: ({ name }) => name },
    {
      head: 'STATE',
      cell: ({ paused, workers }) => (paused ? 'paused' : workers.length === 0 ? 'no workers' : 'open'),
      paint: (text) => (text === 'no workers' ? session.style.yellow(text) : paintState(session.style, text)),
    },
    number('QUEUED', ({ counts }) => counts.queued),
    number('RUNNING', ({ counts }) => counts.running),
    number('RETRYING', ({ counts }) => counts.retrying),
    number('SCHEDULED', ({ counts }) => counts.scheduled),
    {
      ...number('DEAD', ({ counts }) => counts.dead),
      paint: (text, { counts }) => (counts.dead > 0 ? session.style.red(text) : text),
    },
    { head: 'OLDEST', cell: ({ oldestQueued }) => oldestQueued ?? '-' },
    number('WORKERS', ({ workers }) => workers.length),
  ]
}

const rate = (value: { limit: number; per: string } | null) =>
  value === null ? 'none' : `${value.limit} per ${value.per}`

export function queueFields(session: Session, queue: QueueView): string {
  const { counts, totals, limits, workers } = queue
  return renderFields(
    [
      ['Queue', plain(queue.name)],
      ['State', queue.paused ? paintState(session.style, 'paused') : 'open'],
      ['Waiting', `${counts.queued} queued, ${counts.retrying} retrying, ${counts.scheduled} scheduled`],
      ['Oldest', queue.oldestQueued === null ? 'none waits' : `waits for ${queue.oldestQueued}`],
      ['Running', String(counts.running)],
      ['Kept', `${counts.succeeded} succeeded, ${counts.cancelled} cancelled, ${counts.dead} dead`],
      [
        'In all',
        `${totals.added} added, ${totals.succeeded} succeeded, ${totals.failed} failed attempts, ${totals.dead} dead, ${totals.crashed} crashed`,
      ],
      [
        'Limits',
        `concurrency ${limits.concurrency ?? 'none'}, rate ${rate(limits.rate)}, per group ${limits.groupConcurrency} at a time, rate ${rate(limits.groupRate)}`,
      ],
      ...workers.map((worker): [string, string] => ['Worker', workerLine(worker)]),
      ...(workers.length === 0 ? [['Worker', session.style.yellow('none')] as [string, string]] : []),
    ],
    session.style.dim,
  )
}

function workerLine({ id, about, running, leaseEndsIn }: QueueView['workers'][number]): string {
  const says =
    typeof about === 'object' && about !== null ? Object.values(about).filter(isTold).join(' ') : String(about)
  return plain(`${id} (${says}): ${running} running, lease ends in ${leaseEndsIn}`)
}

export function jobColumns(session: Session): { columns: Column<JobView>[]; wideColumns: Column<JobView>[] } {
  const now = session.io.now()
  const when = (time: string | null) => (time === null ? '-' : relative(time, now))
  return {
    columns: [
      { head: 'JOB', cell: ({ id }) => id },
      { head: 'STATE', cell: ({ state }) => state, paint: (text) => paintState(session.style, text) },
      { head: 'ADDED', cell: ({ addedAt }) => when(addedAt) },
      { head: 'FAILED', cell: ({ failures }) => String(failures), right: true },
      { head: 'REASON', cell: ({ reason }) => reason ?? '-' },
      { head: 'DATA', cell: ({ data }) => JSON.stringify(data), flexible: true },
      { head: 'ERROR', cell: ({ error }) => error?.message ?? '', flexible: true },
    ],
    wideColumns: [
      { head: 'RUNS AT', cell: ({ runAt }) => when(runAt) },
      { head: 'PRIORITY', cell: ({ priority }) => String(priority), right: true },
      { head: 'GROUP', cell: ({ group }) => group ?? '-' },
      { head: 'CRASHES', cell: ({ crashes }) => String(crashes), right: true },
      { head: 'WORKER', cell: ({ worker }) => worker ?? '-' },
    ],
  }
}

export function jobFields(session: Session, job: JobView): string {
  const now = session.io.now()
  const at = (time: string | null) => (time === null ? null : `${time} (${relative(time, now)})`)
  const { error } = job
  const reason = job.reason === null ? '' : ` (${plain(job.reason)})`
  return renderFields(
    [
      ['Job', plain(job.id)],
      ['Queue', plain(job.queue)],
      ['State', `${paintState(session.style, job.state)}${reason}`],
      ['Data', plain(JSON.stringify(job.data))],
      ['Priority', String(job.priority)],
      ['Group', job.group === null ? null : plain(job.group)],
      ['Parent', job.parent === null ? null : plain(`${job.parent.id} of ${job.parent.queue}`)],
      ['Waits for', job.waitsFor === 0 ? null : `${job.waitsFor} children`],
      ['Failed', `${job.failures} times, ${job.crashes} crashes of its worker`],
      ['Added', at(job.addedAt)],
      ['Runs', at(job.runAt)],
      ['Started', at(job.startedAt)],
      ['Finished', at(job.finishedAt)],
      ['First failure', at(job.firstFailedAt)],
      ['Last failure', at(job.lastFailedAt)],
      ['Worker', job.worker === null ? null : plain(job.worker)],
      ['Progress', job.progress === null ? null : plain(JSON.stringify(job.progress))],
      ['Value', job.value === null ? null : plain(JSON.stringify(job.value))],
      ['Error', error === null ? null : plain(`${error.name}: ${error.message}`)],
      ['Stack', error?.stack == null ? null : plain(error.stack.split('\n').slice(1, 4).join(' ').trim())],
    ],
    session.style.dim,
  )
}

function isTold(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}
