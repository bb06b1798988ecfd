import { quote, ScheduleError } from './error.ts'
import type { FieldSpec } from './fields.ts'

/** Splits a list field; refuses an empty member (`1,,2`). */
export function listOf(spec: FieldSpec, text: string): string[] {
  const parts = text.split(',')
  if (parts.includes('')) throw new ScheduleError(spec.field, `${quote(text)} has an empty list member`)
  return parts
}

/** Adds the values of one list member: `*`, `*` with a step, a value, a range, a range with a step. */
export function addPart(spec: FieldSpec, part: string, values: Set<number>): void {
  const slash = part.indexOf('/')
  const base = slash < 0 ? part : part.slice(0, slash)
  const step = slash < 0 ? 1 : stepOf(spec, part.slice(slash + 1), part)
  const dash = base.indexOf('-')
  if (base === '*') {
    addRange(spec, spec.min, spec.min + spec.size - 1, step, values)
  } else if (dash > 0) {
    const from = valueOf(spec, base.slice(0, dash), part)
    const to = valueOf(spec, base.slice(dash + 1), part)
    if (from > to) throw new ScheduleError(spec.field, wrapReason(spec, base, from, to))
    addRange(spec, from, to, step, values)
  } else {
    const value = valueOf(spec, base, part)
    if (slash >= 0)
      throw new ScheduleError(
        spec.field,
        `a step needs a range: write ${value}-${lastOf(spec)}/${step} instead of ${quote(part)}`,
      )
    addRange(spec, value, value, 1, values)
  }
}

/** One number or name. `part` is the list member it stands in, for the message. */
export function valueOf(spec: FieldSpec, text: string, part: string): number {
  const named = spec.names.indexOf(text.toUpperCase())
  if (named >= 0) return named + spec.nameBase
  if (!/^\d+$/.test(text)) throw new ScheduleError(spec.field, notAValue(spec, text, part))
  const value = Number(text)
  if (text.length > 4 || value < spec.min || value > spec.max) {
    throw new ScheduleError(spec.field, `${text.slice(0, 12)} is out of range ${spec.min}-${spec.max}`)
  }
  return value
}

/** The step is held against the field's size (robfig/cron takes any step; one that never comes round is a slip). */
function stepOf(spec: FieldSpec, text: string, part: string): number {
  if (!/^\d+$/.test(text)) throw new ScheduleError(spec.field, `the step in ${quote(part)} is not a whole number`)
  const step = Number(text)
  if (step === 0) throw new ScheduleError(spec.field, `the step in ${quote(part)} must be at least 1`)
  if (step > spec.size) {
    throw new ScheduleError(spec.field, `the step in ${quote(part)} is larger than the range (${spec.size} values)`)
  }
  return step
}

function addRange(spec: FieldSpec, from: number, to: number, step: number, values: Set<number>): void {
  const wraps = spec.size !== spec.max - spec.min + 1
  for (let value = from; value <= to; value += step) values.add(wraps ? value % spec.size : value)
}

/** Where an open range of the field ends: 6 for the day of the week, since 7 is Sunday again. */
function lastOf(spec: FieldSpec): number {
  return spec.min + spec.size - 1
}

/** Refused rather than guessed: classic cron and its libraries disagree on what `22-2` means. */
function wrapReason(spec: FieldSpec, base: string, from: number, to: number): string {
  const last = lastOf(spec)
  const instead =
    spec.field === 'day-of-week' && to === 0 ? `${from}-7` : `${rangeText(from, last)},${rangeText(spec.min, to)}`
  return `the range ${quote(base)} runs backwards: write ${instead}`
}

function rangeText(from: number, to: number): string {
  return from === to ? `${from}` : `${from}-${to}`
}

function notAValue(spec: FieldSpec, text: string, part: string): string {
  const where = text === part ? '' : ` in ${quote(part)}`
  if (text === '') return `a value is missing in ${quote(part)}`
  if (/^\d+\.\d*$|^\.\d+$/.test(text)) return `${quote(text)}${where} is not a whole number`
  if (/^[+-]\d+$/.test(text)) return `${quote(text)}${where} has a sign; write the plain number`
  if (/^(0[xob][0-9a-f]+|\d+e\d+)$/i.test(text)) return `${quote(text)}${where} is not a decimal number`
  if (text === '?') return `"?" is taken only alone and only in day-of-month and day-of-week; write "*"`
  if (/^H(\(.*\))?$/i.test(text)) return `${quote(text)} (spread by hash) is not supported; give a number and a jitter`
  if (/^\d*L(-\d+)?$|^\d*L?W$/i.test(text)) return `${quote(text)}${where} is not possible in this field`
  if (spec.names.length === 0 && /^[a-z]+$/i.test(text)) return `${quote(text)}${where} is not a number`
  const short = spec.names.find((name) => text.toUpperCase().startsWith(name))
  if (short !== undefined && /^[a-z]+$/i.test(text)) return `${quote(text)}${where} is not a name here; write ${short}`
  return `${quote(text)}${where} is not a number${spec.names.length > 0 ? ` or one of ${spec.names.join(' ')}` : ''}`
}
