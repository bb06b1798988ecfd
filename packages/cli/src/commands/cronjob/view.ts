import type { Cronjob, Warning } from '@pandastack/contract'
import type { Session } from '../../session.ts'
import { plain } from '../../output/clean.ts'
import { paintState } from '../../output/style.ts'
import { renderFields, type Column } from '../../output/table.ts'
import { inZone, relative } from '../../output/time.ts'

/** `Mon 2026-11-30 08:00 Europe/Berlin (in 6 d)`, or why there is none. */
export function nextRun(cronjob: Cronjob, now: Date): string {
  if (cronjob.suspended) return 'none: paused'
  if (cronjob.nextDueAt === null) return 'none'
  return `${inZone(cronjob.nextDueAt, cronjob.timezone)} (${relative(cronjob.nextDueAt, now)})`
}

export function pullSentence(cronjob: Cronjob): string {
  if (cronjob.pull === 'always') return 'pulled before each run, need not be there yet'
  if (cronjob.pull === 'missing') return 'pulled before a run when it is not there'
  return 'never pulled: it must be on the machine of the server'
}

/** What the server wants its user to know, on stderr. */
export async function sayWarnings(session: Session, warnings: readonly Warning[]): Promise<void> {
  for (const { message, hint } of warnings) await session.warn(plain(message), plain(hint))
}

export function cronjobColumns(session: Session): { columns: Column<Cronjob>[]; wideColumns: Column<Cronjob>[] } {
  const now = session.io.now()
  const columns: Column<Cronjob>[] = [
    { head: 'NAME', cell: ({ name }) => name },
    { head: 'SCHEDULE', cell: ({ schedule }) => schedule },
    { head: 'ZONE', cell: ({ timezone }) => timezone },
    {
      head: 'NEXT',
      cell: ({ suspended, nextDueAt }) => (suspended ? 'paused' : nextDueAt === null ? '-' : relative(nextDueAt, now)),
      paint: (text) => paintState(session.style, text),
    },
    {
      head: 'LAST',
      cell: ({ lastRun }) => lastRun?.state ?? '-',
      paint: (text) => paintState(session.style, text),
    },
    { head: 'WHEN', cell: ({ lastRun }) => (lastRun === null ? '-' : relative(lastRun.dueAt, now)) },
    { head: 'IMAGE', cell: ({ image }) => image, flexible: true },
  ]
  const wideColumns: Column<Cronjob>[] = [
    { head: 'COMMAND', cell: ({ command }) => (command === null ? '-' : JSON.stringify(command)) },
    { head: 'CONCURRENCY', cell: ({ concurrency }) => concurrency },
    { head: 'TIMEOUT', cell: ({ timeout }) => timeout ?? 'none' },
    { head: 'RETRIES', cell: ({ retry }) => String(retry.attempts - 1) },
    { head: 'WORDS', cell: ({ scheduleWords }) => scheduleWords },
  ]
  return { columns, wideColumns }
}

export function cronjobFields(session: Session, cronjob: Cronjob): string {
  const now = session.io.now()
  const { retry, lastRun } = cronjob
  const { backoff } = retry
  const waits = backoff.kind === 'fixed' ? backoff.delay : `${backoff.delay} to ${backoff.max}`
  return renderFields(
    [
      ['Name', cronjob.name],
      ['Project', cronjob.project],
      ['Schedule', `${cronjob.schedule} (${cronjob.scheduleWords})`],
      ['Next run', nextRun(cronjob, now)],
      [
        'Last run',
        lastRun === null
          ? 'none yet'
          : `${paintState(session.style, lastRun.state)} ${relative(lastRun.dueAt, now)} (${lastRun.id})`,
      ],
      ['Image', `${cronjob.image} (${pullSentence(cronjob)})`],
      ['Entry point', cronjob.entrypoint === null ? null : plain(JSON.stringify(cronjob.entrypoint))],
      ['Command', cronjob.command === null ? "the image's own" : plain(JSON.stringify(cronjob.command))],
      ['Env', Object.keys(cronjob.env).join(', ')],
      ['Secrets', cronjob.secrets.join(', ')],
      [
        'Policies',
        `concurrency ${cronjob.concurrency}, missed ${cronjob.missed}, deadline ${cronjob.deadline ?? 'none'}`,
      ],
      [
        'Limits',
        `timeout ${cronjob.timeout ?? 'none'}, grace ${cronjob.grace}, ${cronjob.memory}, ${cronjob.cpus} CPU`,
      ],
      ['Retries', retry.attempts === 1 ? 'none' : `${retry.attempts - 1}, ${backoff.kind}, ${waits}`],
      ['Jitter', cronjob.jitter === '0s' ? null : cronjob.jitter],
      ['Keeps', `${cronjob.keep} finished runs`],
      ['Changed', `${relative(cronjob.updatedAt, now)} (revision ${cronjob.revision})`],
    ],
    session.style.dim,
  )
}
