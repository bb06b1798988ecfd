import { parseSince } from '../parse-time.ts'

/** A place in the event log: how long ago (`2h`), RFC 3339, or an offset. @returns RFC 3339 or the offset */
export function parseFrom(text: string, now: Date): string {
  return /^\d{1,15}$/.test(text) ? text : parseSince(text, '--from', now)
}
