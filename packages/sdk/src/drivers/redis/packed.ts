/** How a job is stored: one immutable text. Its time of adding (13 digits, by the store's clock) is put before it by the script. */
import type { NewJob, ParentLink } from '../../queue/driver.ts'

const TIME_DIGITS = 13

export interface UnpackedJob {
  readonly addedAt: number
  readonly body: string
  readonly settings: string
  readonly priority: number
  readonly group: string | null
  readonly parent: ParentLink | null
}

export function pack(job: NewJob): string {
  const isPlain = job.settings === '' && job.priority === 0 && job.group === null && job.parent === null
  if (isPlain) return `-${job.body}`
  const header = [job.priority, job.group, job.parent?.queue ?? null, job.parent?.id ?? null, job.settings]
  return `+${JSON.stringify(header)}\n${job.body}`
}

export function unpack(value: string): UnpackedJob {
  const addedAt = Number(value.slice(0, TIME_DIGITS))
  if (value[TIME_DIGITS] === '-') {
    return { addedAt, body: value.slice(TIME_DIGITS + 1), settings: '', priority: 0, group: null, parent: null }
  }
  const end = value.indexOf('\n', TIME_DIGITS)
  const header = JSON.parse(value.slice(TIME_DIGITS + 1, end)) as Header
  const [priority, group, parentQueue, parentId, settings] = header
  const parent = parentQueue === null || parentId === null ? null : { queue: parentQueue, id: parentId }
  return { addedAt, body: value.slice(end + 1), settings, priority, group, parent }
}

type Header = [number, string | null, string | null, string | null, string]

const PLAIN = '-'.charCodeAt(0)

// The same for the bytes of a stored job, each part only when it is wanted.

export function isPlain(value: Buffer): boolean {
  return value[TIME_DIGITS] === PLAIN
}

export function plainBody(value: Buffer): string {
  return value.toString('utf8', TIME_DIGITS + 1)
}

export function timeOf(value: Buffer): number {
  return Number(value.toString('latin1', 0, TIME_DIGITS))
}
