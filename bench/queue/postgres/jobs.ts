import type { KeepPolicy, NewJob } from '../../../packages/sdk/src/queue/driver.ts'

const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz'
let serial = 0

/** Ascending ULIDs. */
export function nextId(): string {
  serial += 1
  return digits(Date.now(), 10) + digits(serial, 16)
}

function digits(number: number, length: number): string {
  let text = ''
  for (let rest = number; text.length < length; rest = Math.floor(rest / 32)) text = `${DIGITS[rest % 32]}${text}`
  return text
}

/** 100 bytes of JSON. */
export const BODY = JSON.stringify({ fileId: 'f_0123456789abcdef', userId: 'u_0123456789abcdef', name: 'x'.repeat(35) })

export function plainJob(): NewJob {
  return {
    id: nextId(),
    body: BODY,
    settings: '',
    priority: 0,
    group: null,
    delayMs: 0,
    runAt: null,
    key: null,
    parent: null,
    children: [],
  }
}

export function plainJobs(count: number): NewJob[] {
  return Array.from({ length: count }, plainJob)
}

const NOTHING = { count: 0, ageMs: 0 }
export const KEEP_NOTHING: KeepPolicy = {
  succeeded: NOTHING,
  cancelled: NOTHING,
  dead: { count: 1000, ageMs: 86_400_000 },
}
