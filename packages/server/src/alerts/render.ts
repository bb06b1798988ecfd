import type { AlertEvent } from '@pandastack/contract'
import type { AlertItem, AlertPayload } from './payload.ts'

const VERB: Readonly<Record<AlertEvent, string>> = {
  failed: 'failed',
  lost: 'was lost: how it ended is unknown',
  missed: 'was missed',
  late: 'is late',
  skipped: 'was skipped',
  recovered: 'has recovered',
  'crash-loop': 'keeps crashing',
  'out-of-memory': 'ran out of memory',
  'deploy-failed': 'could not be deployed',
}

/** Escape sequences and other control characters mean nothing in a chat or a mail, and may do harm. */
// eslint-disable-next-line no-control-regex -- these are the characters to take out
const CONTROL = /\u001b\[[0-9;?]*[ -/]*[@-~]|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

function plain(text: string): string {
  return text.replace(CONTROL, '')
}

/** `weekly-digest failed: exited with code 3`, or `3 events: …` for a group. */
export function summaryOf(payload: Pick<AlertPayload, 'items' | 'count' | 'type'>): string {
  if (payload.type === 'panda.alert.test') return 'Test message: this alert works'
  const [only] = payload.items
  if (payload.count === 1 && only) return lineOf(only)
  const kinds = new Map<string, number>()
  for (const item of payload.items) kinds.set(item.event, (kinds.get(item.event) ?? 0) + 1)
  const names = [...new Set(payload.items.map(nameOf))]
  const shown = names.slice(0, 3).join(', ') + (names.length > 3 ? ` and ${names.length - 3} more` : '')
  return `${payload.count} events (${[...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ')}): ${shown}`
}

function nameOf(item: AlertItem): string {
  return item.app ?? item.cronjob
}

function lineOf(item: AlertItem): string {
  const why = item.event !== 'recovered' && item.message ? `: ${plain(item.message)}` : ''
  return `${nameOf(item)} ${VERB[item.event]}${why}`
}

/** The whole message as plain text. */
export function textOf(payload: AlertPayload): string {
  if (payload.type === 'panda.alert.test')
    return `This is a test of alert ${payload.alert} in project ${payload.project}.`
  const parts = payload.items.map((item) => {
    const head = `${lineOf(item)}\n  ${whenOf(item)}\n  ${lookAt(item)} --project ${payload.project}`
    return item.lastLines.length === 0
      ? head
      : `${head}\n  last lines:\n${item.lastLines.map((line) => `    ${plain(line)}`).join('\n')}`
  })
  const more = payload.count - payload.items.length
  if (more > 0) {
    const look = payload.items.some(({ app }) => app !== undefined) ? 'app' : 'run'
    parts.push(`… and ${more} more, see: panda ${look} list --project ${payload.project}`)
  }
  return parts.join('\n\n')
}

function whenOf(item: AlertItem): string {
  if (item.app === undefined) return `due ${item.dueAt}${item.attempt > 1 ? `, attempt ${item.attempt}` : ''}`
  const restarts = item.restarts === 0 ? '' : `, ${item.restarts} restarts`
  return `at ${item.at}, revision ${item.revision}${restarts}`
}

function lookAt(item: AlertItem): string {
  return item.app === undefined ? `panda run get ${item.run}` : `panda app get ${item.app}`
}

export function titleOf(payload: AlertPayload): string {
  return `[${payload.project}] ${summaryOf(payload)}`
}
