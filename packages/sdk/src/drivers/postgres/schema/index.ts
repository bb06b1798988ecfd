import { ADDING } from './adding.ts'
import { BASICS } from './basics.ts'
import { CHANGING } from './changing.ts'
import { CLAIMING } from './claiming.ts'
import { CONFIGURING } from './configuring.ts'
import { EVENT_DELIVERING } from './event-delivering.ts'
import { EVENT_PUBLISHING } from './event-publishing.ts'
import { EVENT_SUBSCRIBING } from './event-subscribing.ts'
import { EVENT_TABLES } from './event-tables.ts'
import { EVENTS } from './events.ts'
import { EXCHANGING } from './exchanging.ts'
import { GLANCING } from './glancing.ts'
import { LEASING } from './leasing.ts'
import { SETTLING } from './settling.ts'
import { TABLES } from './tables.ts'

/** Each step is applied once, in this order, each in a transaction. A step that has been released is never changed. */
export const SCHEMA_STEPS: readonly string[] = [
  [TABLES, BASICS, ADDING, SETTLING, EXCHANGING, LEASING, CHANGING, CONFIGURING].join('\n'),
  EVENTS,
  [EVENT_TABLES, EVENT_DELIVERING, EVENT_SUBSCRIBING, EVENT_PUBLISHING].join('\n'),
  GLANCING,
  CLAIMING,
]

/** What an older process needs at least to work with this schema. */
export const READABLE_FROM = 1
