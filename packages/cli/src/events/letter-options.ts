import { EVENT_DEAD_REASONS } from '@pandastack/contract/names'
import { choice, text } from '../command.ts'

/** Filters of dead letters. */
export const LETTER_FILTER = {
  type: text('TYPE', 'Only events of this type'),
  reason: choice(EVENT_DEAD_REASONS, `Only those that died for it: ${EVENT_DEAD_REASONS.join(', ')}`, 'REASON'),
} as const
