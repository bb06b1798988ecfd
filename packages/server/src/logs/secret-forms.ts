/**
 * Shorter values are not redacted: they are in every other word of a log (`true`, `1234`, `root`), and blanking those
 * would tell where they stand while making the log useless. The API says so when such a secret is set.
 */
export const MIN_SECRET_LENGTH = 6
/** A line of a secret of several lines counts when it is that long, e.g. each line of a PEM key. */
export const MIN_SECRET_LINE_LENGTH = 8
/** Longer ones are looked for in pieces, so that little text must be held back for a match across chunks. */
const MAX_PATTERN_LENGTH = 1024
const PIECE_LENGTH = 512

/**
 * What to look for in a log so that a secret is found: the value, its lines, and each of these in base64 (also inside
 * a longer base64 text), base64url, URL-encoded and escaped as in JSON.
 *
 * Not found: other encodings, compression, a value that is printed in parts with other text between them.
 */
export function secretForms(values: readonly string[]): string[] {
  const patterns = new Set<string>()
  for (const value of values) {
    for (const secret of secretTexts(value)) {
      for (const form of encodings(secret)) for (const piece of pieces(form)) patterns.add(piece)
    }
  }
  return [...patterns]
}

/** The whole value and, when it has several lines, each long enough line. */
function secretTexts(value: string): string[] {
  const whole = value.trim()
  const lines = whole.split(/\r\n|\r|\n/)
  if (lines.length === 1) return whole.length >= MIN_SECRET_LENGTH ? [...new Set([whole, value])] : []
  const parts = lines.map((line) => line.trim()).filter((line) => line.length >= MIN_SECRET_LINE_LENGTH)
  return [whole, value, ...parts]
}

function encodings(text: string): string[] {
  // Through a buffer, since a lone surrogate has no URL-encoded form.
  const percent = encodeURIComponent(Buffer.from(text).toString())
  const forms = [
    // A log is looked at line by line, so a text of several lines is only ever found encoded or by its lines.
    ...(/[\r\n]/.test(text) ? [] : [text]),
    percent,
    percent.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
    percent.replaceAll('%20', '+'),
    JSON.stringify(text).slice(1, -1),
    ...base64Forms(text),
  ]
  return forms.filter((form) => form.length >= MIN_SECRET_LENGTH)
}

/** The exact text, and what is the same in whatever longer text the value stands, at each of the three alignments. */
function base64Forms(text: string): string[] {
  const bytes = Buffer.from(text)
  const forms = [bytes.toString('base64').replaceAll('=', '')]
  for (const before of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    // A character holds 6 bits: only those that hold nothing but bits of the value are always the same.
    forms.push(encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6)))
  }
  return forms.flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')])
}

function pieces(text: string): string[] {
  if (text.length <= MAX_PATTERN_LENGTH) return [text]
  const count = Math.ceil(text.length / PIECE_LENGTH)
  const size = Math.ceil(text.length / count)
  return Array.from({ length: count }, (_, index) => text.slice(index * size, (index + 1) * size)).filter(
    (piece) => piece.length >= MIN_SECRET_LENGTH,
  )
}
