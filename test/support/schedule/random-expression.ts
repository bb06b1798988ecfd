import type { Random } from './random.ts'
import type { WallMinute } from './wall.ts'

const MONTHS = ['JAN', 'feb', 'Mar', 'APR', 'may', 'jun', 'jul', 'aug', 'SEP', 'oct', 'nov', 'dec']
const WEEKDAYS = ['SUN', 'mon', 'Tue', 'WED', 'thu', 'fri', 'sat']

/** A valid expression that has a fair chance to run within a day or two of `near`, using the whole syntax. */
export function randomExpression(random: Random, near: WallMinute): string {
  const hour = random.chance(70) ? (near.hour + random.int(-3, 3) + 24) % 24 : random.int(0, 23)
  const fields = [
    numbers(random, 0, 59, random.pick([0, 1, 15, 30, 45, 53, 59, near.minute])),
    numbers(random, 0, 23, hour),
    monthDay(random, near),
    random.chance(80) ? '*' : numbers(random, 1, 12, near.month, MONTHS[near.month - 1]),
    weekday(random, near),
  ]
  if (random.chance(15)) fields.unshift(random.chance(80) ? String(random.int(0, 59)) : numbers(random, 0, 59, 30))
  return fields.join(' ')
}

/** `*`, a step, a value, a list, a range or a stepped range; what is not a wildcard usually holds `value`. */
function numbers(random: Random, min: number, max: number, value: number, name?: string): string {
  const low = random.int(min, value)
  const high = random.int(value, max)
  const one = name !== undefined && random.chance(50) ? name : String(value)
  switch (random.int(0, 9)) {
    case 0:
      return '*'
    case 1:
      return `*/${random.int(1, Math.min(30, max - min + 1))}`
    case 2:
      return `${one},${random.int(min, max)}`
    case 3:
      return `${low}-${high}`
    case 4:
      return `${low}-${high}/${random.int(1, max - min + 1)}`
    case 5:
      return `${random.int(min, max)},${low}-${high},${one}`
    default:
      return one
  }
}

function monthDay(random: Random, near: WallMinute): string {
  if (random.chance(60)) return random.pick(['*', '*', '*', '*', '?', '*/1'])
  const day = Math.min(31, Math.max(1, near.day + random.int(-1, 1)))
  return random.pick([
    String(day),
    `${day}W`,
    'L',
    'LW',
    'L-1',
    `L-${random.int(1, 30)}`,
    `${day},L`,
    `1W,${day}`,
    '1-31',
    '*/2',
    numbers(random, 1, 31, day),
  ])
}

function weekday(random: Random, near: WallMinute): string {
  if (random.chance(60)) return random.pick(['*', '*', '*', '*', '?'])
  const day = (near.weekday + random.int(-1, 1) + 7) % 7
  const name = WEEKDAYS[day] ?? 'sun'
  const nth = Math.min(5, Math.ceil(near.day / 7))
  return random.pick([
    String(day),
    name,
    day === 0 ? '7' : name,
    `${day}L`,
    `${name}L`,
    `${day}#${nth}`,
    `${name}#${nth}`,
    'mon-fri',
    '0-7',
    '5-7',
    '1-7/2',
    `${name},${random.int(0, 7)}L`,
    numbers(random, 0, 6, day),
  ])
}
