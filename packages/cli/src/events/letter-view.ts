import type { DeadLetterView } from '@pandastack/contract'
import { plain } from '../output/clean.ts'
import { renderFields, type Column } from '../output/table.ts'
import { relative } from '../output/time.ts'
import type { Session } from '../session.ts'

export function letterColumns(session: Session): {
  columns: Column<DeadLetterView>[]
  wideColumns: Column<DeadLetterView>[]
} {
  const now = session.io.now()
  const when = (time: string | null) => (time === null ? '-' : relative(time, now))
  return {
    columns: [
      { head: 'LETTER', cell: ({ id }) => id },
      { head: 'SUBSCRIPTION', cell: ({ subscription }) => subscription },
      { head: 'TYPE', cell: ({ event }) => event?.type ?? '-' },
      { head: 'REASON', cell: ({ reason }) => reason, paint: (text) => session.style.red(text) },
      { head: 'DIED', cell: ({ deadAt }) => when(deadAt) },
      { head: 'ATTEMPTS', cell: ({ attempts }) => String(attempts), right: true },
      { head: 'ERROR', cell: ({ error }) => error?.message ?? '', flexible: true },
    ],
    wideColumns: [
      { head: 'CRASHES', cell: ({ crashes }) => String(crashes), right: true },
      { head: 'FIRST FAILED', cell: ({ firstFailedAt }) => when(firstFailedAt) },
      { head: 'KEY', cell: ({ event }) => event?.key ?? '-' },
      { head: 'SOURCE', cell: ({ event }) => event?.source ?? '-' },
      { head: 'DATA', cell: ({ event, raw }) => (event === null ? (raw ?? '') : JSON.stringify(event.data)) },
    ],
  }
}

export function letterFields(session: Session, letter: DeadLetterView): string {
  const now = session.io.now()
  const at = (time: string | null | undefined) => (time == null ? null : plain(`${time} (${relative(time, now)})`))
  const { event, error, raw } = letter
  return renderFields(
    [
      ['Letter', plain(letter.id)],
      ['Subscription', letter.subscription],
      ['Reason', session.style.red(letter.reason)],
      ['Failed', `${letter.attempts} times, ${letter.crashes} crashes of its consumer`],
      ['First failure', at(letter.firstFailedAt)],
      ['Died', at(letter.deadAt)],
      ['Type', event === null ? null : plain(event.type)],
      ['Source', event === null ? null : plain(event.source)],
      ['Published', at(event?.time)],
      ['Key', event?.key == null ? null : plain(event.key)],
      ['Version', event?.dataVersion == null ? null : String(event.dataVersion)],
      ['Trace', event?.traceparent == null ? null : plain(event.traceparent)],
      ['Data', event === null ? null : plain(JSON.stringify(event.data))],
      ['Raw', raw === null ? null : plain(raw)],
      ['Error', error === null ? null : plain(`${error.name}: ${error.message}`)],
      ['Stack', error?.stack == null ? null : plain(error.stack.split('\n').slice(1, 4).join(' ').trim())],
    ],
    session.style.dim,
  )
}
