import { ADDING } from './adding.ts'
import { BASICS } from './basics.ts'
import { CHANGING } from './changing.ts'
import { CONFIGURING } from './configuring.ts'
import { EVENTS } from './events.ts'
import { EXCHANGING } from './exchanging.ts'
import { LEASING } from './leasing.ts'
import { SETTLING } from './settling.ts'
import { TABLES } from './tables.ts'

/** Each step is applied once, in this order, each in a transaction. A step that has been released is never changed. */
export const SCHEMA_STEPS: readonly string[] = [
  [TABLES, BASICS, ADDING, SETTLING, EXCHANGING, LEASING, CHANGING, CONFIGURING].join('\n'),
  EVENTS,
]

/** What an older process needs at least to work with this schema. */
export const READABLE_FROM = 1
