import { parseDuration, parseSize } from '@pandastack/contract'
import { RuntimeError, type UnitSpec } from '../driver.ts'

/** What a fake unit does. The default program exits with 0 at once and writes nothing. */
export interface FakeProgram {
  /** How long it runs by itself, in milliseconds; Infinity = until it is stopped. */
  readonly durationMs: number
  readonly exitCode: number
  readonly outOfMemory: boolean
  /** The engine forgets how it ended. */
  readonly lost: boolean
  /** SIGTERM is ignored, only SIGKILL ends it. */
  readonly ignoresTerm: boolean
  /** The exit code after SIGTERM; the program ends at once. */
  readonly termCode: number
  /** Printed on stdout when SIGTERM comes. */
  readonly termText: string | null
  /** Not null: the start fails with this message. */
  readonly startError: string | null
  /** Printed at the start, before the numbered lines. */
  readonly texts: readonly FakeText[]
  /** So many numbered lines (`out 1`, `out 2`, …; `err 1`, … on stderr), spread evenly over the duration. */
  readonly stdoutLines: number
  readonly stderrLines: number
  /** The word before the number of a stdout line. */
  readonly lineName: string
  /** Used at any moment while it runs. */
  readonly memoryBytes: number
  readonly busyCores: number
  /** Not null: the engine cannot say what it uses, and this is why. */
  readonly noUsage: string | null
}

interface FakeText {
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
  readonly endOfLine: boolean
}

export const DEFAULT_PROGRAM: FakeProgram = {
  durationMs: 0,
  exitCode: 0,
  outOfMemory: false,
  lost: false,
  ignoresTerm: false,
  termCode: 143,
  termText: null,
  startError: null,
  texts: [],
  stdoutLines: 0,
  stderrLines: 0,
  lineName: 'out',
  memoryBytes: 0,
  busyCores: 0,
  noUsage: null,
}

type Draft = { -readonly [K in keyof FakeProgram]: FakeProgram[K] }
type Word = (draft: Draft, next: () => string, env: Readonly<Record<string, string>>) => void

/** The language, one word after the other; documented at {@link parseFakeProgram}. */
const WORDS: Readonly<Record<string, Word>> = {
  exit: (draft, next) => (draft.exitCode = wholeNumber(next())),
  after: (draft, next) => (draft.durationMs = parseDuration(next())),
  forever: (draft) => (draft.durationMs = Number.POSITIVE_INFINITY),
  oom: (draft) => {
    draft.outOfMemory = true
    draft.exitCode = 137
  },
  lost: (draft) => (draft.lost = true),
  'ignore-term': (draft) => (draft.ignoresTerm = true),
  'fail-start': (draft, next) => (draft.startError = next()),
  'on-term': (draft, next) => {
    draft.termCode = wholeNumber(next())
    draft.termText = next()
  },
  print: (draft, next) => print(draft, 'stdout', next()),
  'print-err': (draft, next) => print(draft, 'stderr', next()),
  unfinished: (draft, next) => print(draft, 'stdout', next(), false),
  env: (draft, next, env) => print(draft, 'stdout', env[next()] ?? ''),
  register: (draft, _next, env) =>
    print(draft, 'stdout', `panda::${env['PANDA_INSTANCE'] ?? ''} {"kind":"registered"}`),
  tell: (draft, next, env) => print(draft, 'stdout', `panda::${env['PANDA_INSTANCE'] ?? ''} ${next()}`),
  named: (draft, next) => (draft.lineName = next()),
  log: (draft, next) => (draft.stdoutLines = wholeNumber(next())),
  err: (draft, next) => (draft.stderrLines = wholeNumber(next())),
  lines: () => undefined,
  memory: (draft, next) => (draft.memoryBytes = parseSize(next())),
  cores: (draft, next) => (draft.busyCores = positive(next())),
  'no-usage': (draft, next) => (draft.noUsage = next()),
}

function print(draft: Draft, stream: 'stdout' | 'stderr', text: string, endOfLine = true): void {
  const lines = text.split('\n')
  const texts = lines.map((line, index) => ({ stream, text: line, endOfLine: endOfLine || index < lines.length - 1 }))
  draft.texts = [...draft.texts, ...texts]
}

/**
 * What a unit is told by its command (or, before that, by the words of its variable `PANDA_FAKE`), in any order:
 *
 * - `exit N`: the exit code, default 0 · `oom`: killed for memory, code 137 unless `exit` follows · `lost`: code forgotten
 * - `after 200ms`: runs that long, default 0 · `forever`: runs until it is stopped · `ignore-term`: SIGTERM does nothing
 *   · `on-term N TEXT`: at SIGTERM prints the text and exits with N
 * - `log N [lines]`, `err N [lines]`: `out 1` … on stdout, `err 1` … on stderr, spread over the duration · `named WORD`:
 *   instead of `out`
 * - `print TEXT`, `print-err TEXT`, `env NAME` (its value): one line at the start · `unfinished TEXT`: without a line end
 * - `tell JSON`: says to the platform what the SDK would
 * - `register`: says at the start what the SDK says when its worker has registered
 * - `memory 64Mi`, `cores 0.25`: what it uses, default nothing · `no-usage WHY`: the engine cannot say
 * - `fail-start MESSAGE`: cannot be started
 *
 * @throws RuntimeError `start-failed` for a word that is not of the language.
 */
export function parseFakeProgram(unit: Pick<UnitSpec, 'entrypoint' | 'command' | 'env'>): FakeProgram {
  const told = unit.env['PANDA_FAKE']
  const words = told === undefined ? [...(unit.entrypoint ?? []), ...(unit.command ?? [])] : told.split(/\s+/)
  if (words.length === 0) return DEFAULT_PROGRAM
  const draft: Draft = { ...DEFAULT_PROGRAM }
  let at = 0
  const next = (): string => {
    const word = words[at]
    if (word === undefined) throw new RangeError(`"${words[at - 1]}" needs a value`)
    at += 1
    return word
  }
  try {
    while (at < words.length) {
      const name = next()
      const word = Object.hasOwn(WORDS, name) ? WORDS[name] : undefined
      if (word === undefined) throw new RangeError(`the fake runtime does not know the word "${name}"`)
      word(draft, next, unit.env)
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new RuntimeError('start-failed', error.message, { cause: error })
  }
  return draft
}

function positive(text: string): number {
  if (!/^\d{1,9}(?:\.\d{1,9})?$/.test(text)) throw new RangeError(`"${text}" is not a number`)
  return Number(text)
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`"${text}" is not a whole number`)
  return Number(text)
}

export interface FakeLine extends FakeText {
  /** Milliseconds after the start. */
  readonly atMs: number
}

/** The program's n-th line (from 0), `undefined` behind its last. Pure, so that a log can be read again from anywhere. */
export function fakeLine(program: FakeProgram, index: number): FakeLine | undefined {
  const text = program.texts[index]
  if (text) return { ...text, atMs: 0 }
  const total = program.stdoutLines + program.stderrLines
  const number = index - program.texts.length
  if (number >= total) return undefined
  // Alternating as long as both streams have lines left, then the rest of the longer one.
  const shared = 2 * Math.min(program.stdoutLines, program.stderrLines)
  const stream = number < shared ? (number % 2 === 0 ? 'stdout' : 'stderr') : longerStream(program)
  const nth = number < shared ? Math.floor(number / 2) + 1 : number - shared / 2 + 1
  const spanMs = Number.isFinite(program.durationMs) ? program.durationMs : total * 1000
  const name = stream === 'stdout' ? program.lineName : 'err'
  return { stream, text: `${name} ${nth}`, endOfLine: true, atMs: Math.floor((spanMs * number) / total) }
}

function longerStream(program: FakeProgram): 'stdout' | 'stderr' {
  return program.stdoutLines >= program.stderrLines ? 'stdout' : 'stderr'
}
