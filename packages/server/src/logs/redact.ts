import type { LogChunk } from '../runtime/driver.ts'
import { PatternScanner } from './pattern-scanner.ts'
import { secretForms } from './secret-forms.ts'

export const REDACTED = '[redacted]'

type Stream = LogChunk['stream']

/** Takes the secrets out of one attempt's output. Stateful per stream: parts of a line are judged together. */
export interface Redactor {
  /**
   * The chunk with secrets replaced. The end of a part without line end may be held back until more comes, at most the
   * longest form of a secret (1,024 characters).
   */
  redact(chunk: LogChunk): LogChunk
  /** What is held back of an unfinished last line, when nothing more comes. */
  rest(stream: Stream): string
  /** Forgets what is held back: the output is read again from the last line's beginning. */
  reset(): void
}

interface Held {
  /** Text in which a secret may begin that is not whole yet. */
  text: string
  /** So many of its first characters belong to a secret that is replaced already. */
  covered: number
}

/**
 * Replaces each known secret value by `[redacted]`, in the forms of {@link secretForms}; secrets that overlap are
 * replaced as one. Values shorter than MIN_SECRET_LENGTH (6) are left. A secret that itself holds the text
 * `[redacted]`, or a part of it, cannot be hidden in the mark.
 */
export function createRedactor(values: Iterable<string>): Redactor {
  const patterns = secretForms([...values])
  const scanner = new PatternScanner(patterns)
  const held: Record<Stream, Held> = { stdout: { text: '', covered: 0 }, stderr: { text: '', covered: 0 } }

  return {
    redact(chunk) {
      const { text, covered } = held[chunk.stream]
      if (patterns.length === 0 || (chunk.endOfLine && text === '' && chunk.text.length < scanner.shortest))
        return chunk
      const result = redactPart(scanner, text + chunk.text, covered, chunk.endOfLine)
      held[chunk.stream] = result.held
      return result.text === chunk.text ? chunk : { ...chunk, text: result.text }
    },
    rest(stream) {
      const { text, covered } = held[stream]
      held[stream] = { text: '', covered: 0 }
      return redactPart(scanner, text, covered, true).text
    },
    reset() {
      held.stdout = { text: '', covered: 0 }
      held.stderr = { text: '', covered: 0 }
    },
  }
}

function redactPart(
  scanner: PatternScanner,
  text: string,
  covered: number,
  last: boolean,
): { text: string; held: Held } {
  // Behind this a longer pattern may begin that is not there in full: undecided until more text comes.
  const decided = last ? text.length : Math.max(0, text.length - scanner.longest + 1)
  let output = ''
  let done = covered
  let start = scanner.find(text, 0, decided)
  while (start !== -1) {
    if (start >= done) output += text.slice(done, start) + REDACTED
    done = Math.max(done, start + scanner.length)
    start = scanner.find(text, start + 1, decided)
  }
  if (done < decided) output = done === 0 ? text.slice(0, decided) : output + text.slice(done, decided)
  return { text: output, held: { text: text.slice(decided), covered: Math.max(0, done - decided) } }
}
