import cronstrue from 'cronstrue'

/** Sentences kept: cronstrue costs more than all else in a list of a thousand cronjobs, and schedules repeat. */
const MAX_WORDS = 5000
const words = new Map<string, string>()

const OPTIONS = { use24HourTimeFormat: true, throwExceptionOnParseError: true }

/**
 * A schedule that was accepted, in English: `At 08:00, only on Monday`. cronstrue knows the single fields; we put the
 * days together ourselves, because it joins the two day fields by "and" where cron means "or", and gives up on lists
 * that hold `W`.
 */
export function scheduleWords(expression: string): string {
  const known = words.get(expression)
  if (known !== undefined) return known
  if (words.size >= MAX_WORDS) words.clear()
  const made = makeWords(expression)
  words.set(expression, made)
  return made
}

function makeWords(expression: string): string {
  const fields = expression.trim().split(/\s+/)
  if (fields.length < 5) return describe(expression)
  const [monthDays = '*', months = '*', weekdays = '*'] = fields.slice(-3)
  const time = fields.slice(0, -3).join(' ')
  if (!needsOwnWords(monthDays, weekdays)) return describe(expression)
  const days = [
    ...membersOf(monthDays).map((member) => dayWords(member, '*')),
    ...membersOf(weekdays).map((member) => dayWords('*', member)),
  ]
  const rest = months === '*' ? '' : partOf(describe(`0 0 * ${months} *`))
  return `${describe(`${time} * * *`)}, ${joinWords(days)}${rest === '' ? '' : `, ${rest}`}`
}

function needsOwnWords(monthDays: string, weekdays: string): boolean {
  const both = !isAny(monthDays) && !isAny(weekdays)
  return both || (monthDays.includes(',') && /[LW]/i.test(monthDays))
}

function isAny(field: string): boolean {
  return field === '?' || field.split(',').some((part) => part === '*' || /^\*\/0*1$/.test(part))
}

/** A list of plain values reads better as one; members with L, W or # have to be told one by one. */
function membersOf(field: string): string[] {
  if (isAny(field)) return []
  const members = field.split(',')
  const special = members.filter((member) => /[LW#]/i.test(member) && !/^[a-z]{3}(-[a-z]{3})?$/i.test(member))
  const plain = members.filter((member) => !special.includes(member))
  return plain.length > 0 ? [plain.join(','), ...special] : special
}

function dayWords(monthDay: string, weekday: string): string {
  return partOf(describe(`0 0 ${monthDay} * ${weekday}`)).replace(/^only /, '')
}

/** What stands behind "At 00:00, ". */
function partOf(sentence: string): string {
  return sentence.replace(/^At 00:00,? ?/, '')
}

function joinWords(parts: readonly string[]): string {
  if (parts.length < 3) return parts.join(' or ')
  return `${parts.slice(0, -1).join(', ')} or ${parts.at(-1) ?? ''}`
}

/** The evaluator decides what is valid; words that cannot be found are no reason to refuse. */
function describe(expression: string): string {
  try {
    return cronstrue.toString(expression, OPTIONS)
  } catch {
    return `By the schedule ${expression}`
  }
}
