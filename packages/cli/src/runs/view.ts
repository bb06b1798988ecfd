import type { Run, RunDetail } from '@pandastack/contract'
import { plain } from '../output/clean.ts'
import { paintState } from '../output/style.ts'
import { renderFields, renderTable, type Column } from '../output/table.ts'
import { elapsed, relative } from '../output/time.ts'
import type { Session } from '../session.ts'
import { shortId } from './find-run.ts'

const TICK_NOTE_WORDS = { 'dst-gap': 'clock went forward', 'dst-repeat': 'clock went back' } as const

/** `2026-05-01 08:00:00+02`: the wall clock of the cronjob's zone, with its offset so that it stays exact. */
function localTime(dueLocal: string): string {
  return dueLocal
    .replace('T', ' ')
    .replace(/\+00:00$/, 'Z')
    .replace(/([+-]\d\d):00$/, '$1')
}

export function runColumns(
  session: Session,
  options: { cronjob: boolean },
): { columns: Column<Run>[]; wideColumns: Column<Run>[] } {
  const { style } = session
  const now = session.io.now()
  const paint = (text: string) => paintState(style, text)
  const columns: Column<Run>[] = [
    { head: 'RUN', cell: ({ id }) => shortId(id) },
    ...(options.cronjob ? [{ head: 'CRONJOB', cell: ({ cronjob }: Run) => cronjob, flexible: true }] : []),
    { head: 'DUE', cell: ({ dueLocal }) => localTime(dueLocal) },
    {
      head: 'STARTED',
      cell: ({ startedAt }) => (startedAt === null ? '-' : relative(startedAt, now)),
      dispensable: 4,
    },
    { head: 'LATE', cell: ({ latenessMs }) => elapsed(latenessMs), right: true },
    { head: 'OUTCOME', cell: ({ state }) => state, paint },
    { head: 'REASON', cell: ({ reason }) => reason ?? '-' },
    {
      head: 'EXIT',
      cell: ({ exitCode }) => (exitCode === null ? '-' : String(exitCode)),
      right: true,
      dispensable: 1,
    },
    { head: 'TOOK', cell: ({ durationMs }) => elapsed(durationMs), right: true },
    { head: 'TRIGGER', cell: ({ trigger }) => trigger, dispensable: 2 },
    { head: 'WHO', cell: ({ who }) => who ?? '-', flexible: true, dispensable: 3 },
  ]
  const wideColumns: Column<Run>[] = [
    { head: 'ATTEMPT', cell: ({ attempt, maxAttempts }) => `${attempt}/${maxAttempts}` },
    { head: 'NOTE', cell: ({ tickNote }) => (tickNote === null ? '-' : TICK_NOTE_WORDS[tickNote]) },
    { head: 'ID', cell: ({ id }) => id },
    { head: 'MESSAGE', cell: ({ message }) => message ?? '' },
  ]
  return { columns, wideColumns }
}

/** `failed (exit code 3) after 2.1s: the message`. */
export function verdict(session: Session, run: Run): string {
  const state = session.errorStyle.bold(paintState(session.errorStyle, run.state))
  const cause = run.exitCode !== null && run.exitCode !== 0 ? `exit code ${run.exitCode}` : run.reason
  const took = run.durationMs === null ? '' : ` after ${elapsed(run.durationMs)}`
  const message = run.state === 'succeeded' || run.message === null ? '' : `: ${plain(run.message)}`
  return `${run.cronjob} ${state}${cause === null ? '' : ` (${cause})`}${took}${message}`
}

export function runFields(session: Session, run: RunDetail): string {
  const { style } = session
  const now = session.io.now()
  const moment = (time: string | null) => (time === null ? null : `${time} (${relative(time, now)})`)
  const note = run.tickNote === null ? '' : ` (${TICK_NOTE_WORDS[run.tickNote]})`
  const phase = run.phase === null ? '' : `, ${run.phase}`
  const fields = renderFields(
    [
      ['Run', run.id],
      ['Cronjob', `${run.cronjob} (revision ${run.revision}, project ${run.project})`],
      ['Outcome', `${paintState(style, run.state)}${phase}${run.reason === null ? '' : ` (${run.reason})`}`],
      ['Message', run.message === null ? null : plain(run.message)],
      ['Exit code', run.exitCode === null ? null : String(run.exitCode)],
      ['Trigger', run.who === null ? run.trigger : `${run.trigger} by ${plain(run.who)}`],
      ['Due', `${localTime(run.dueLocal)}${note}`],
      ['Started', moment(run.startedAt)],
      ['Finished', moment(run.finishedAt)],
      ['Late', run.latenessMs === null ? null : elapsed(run.latenessMs)],
      ['Took', run.durationMs === null ? null : elapsed(run.durationMs)],
      ['Image', run.imageDigest === null ? run.image : `${run.image} (${run.imageDigest})`],
      ['Replay of', run.replayOf],
      [
        'Changed',
        Object.keys(run.overrides).length === 0 ? null : `for this run: ${Object.keys(run.overrides).join(', ')}`,
      ],
    ],
    style.dim,
  )
  return run.attempts.length < 2 && run.lostAttempts === 0 ? fields : `${fields}\n\n${attemptTable(session, run)}`
}

function attemptTable(session: Session, run: RunDetail): string {
  const columns: Column<RunDetail['attempts'][number]>[] = [
    { head: 'ATTEMPT', cell: ({ number }) => `${number}` },
    { head: 'OUTCOME', cell: ({ outcome }) => outcome ?? 'running', paint: (text) => paintState(session.style, text) },
    { head: 'REASON', cell: ({ reason }) => reason ?? '-' },
    { head: 'EXIT', cell: ({ exitCode }) => (exitCode === null ? '-' : String(exitCode)), right: true },
    { head: 'STARTED', cell: ({ startedAt }) => startedAt ?? '-' },
    { head: 'SERVER', cell: ({ server }) => (server === null ? '-' : shortId(server)) },
    { head: 'MESSAGE', cell: ({ message }) => message ?? '', flexible: true },
  ]
  const width = session.io.stdout.isTTY === true ? session.io.stdout.columns : undefined
  return renderTable(run.attempts, columns, { width, paintHead: session.style.dim })
}
