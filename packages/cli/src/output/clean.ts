/*
 * Text that a container or a registry wrote may hold escape sequences that move the cursor, change the window's title
 * or, on some terminals, answer as typed input. People see them only defused.
 */

// An OSC/DCS/SOS/PM/APC string up to BEL or ST (or the end of the text), a CSI sequence, another two-byte escape.
const STRING_SEQUENCE = String.raw`(?:\u001b[\]PX^_]|[\u0090\u0098\u009d\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?`
const CSI = String.raw`(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?`
const OTHER_ESCAPE = String.raw`\u001b[ -/]*[0-~]?`
const SEQUENCE = new RegExp(`${STRING_SEQUENCE}|${CSI}|${OTHER_ESCAPE}`, 'g')
// Colours and weights: the one kind that cannot do harm.
const SGR = new RegExp(String.raw`^\u001b\[[0-9;:]*m$`)
// Control characters but tab; U+202A–202E and U+2066–2069 turn the reading direction and can hide text.
const CONTROLS = new RegExp(
  String.raw`[\u0000-\u0008\u000a-\u001a\u001c-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]`,
  'g',
)
const NEEDS_WORK = new RegExp(String.raw`[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]`)
const LEFT_OVER_ESCAPE = new RegExp(String.raw`\u001b(?!\[[0-9;:]*m)`, 'g')
const RESET = '\u001b[0m'

/** One line without any escape sequence or control character but tab. */
export function plain(line: string): string {
  if (!NEEDS_WORK.test(line)) return line
  return line.replace(SEQUENCE, '').replaceAll('\u001b', '').replace(CONTROLS, '')
}

/** One line with nothing left but text, tabs and SGR colours, which end with the line. */
export function onlyColors(line: string): string {
  if (!NEEDS_WORK.test(line)) return line
  let colored = false
  const text = line.replace(SEQUENCE, (sequence) => {
    if (!SGR.test(sequence)) return ''
    colored = true
    return sequence
  })
  const clean = text.replace(LEFT_OVER_ESCAPE, '').replace(CONTROLS, '')
  return colored ? `${clean}${RESET}` : clean
}

export type LogCleaner = (line: string) => string

/**
 * How log text is written to a stream: a terminal with colours gets colours and nothing else; without colours plain
 * text; a pipe or a file gets the text as the container wrote it, since there it is data — unless colours were
 * refused by NO_COLOR or --no-color.
 */
export function logCleaner(
  stream: { readonly isTTY?: boolean | undefined },
  colors: boolean,
  refused: boolean,
): LogCleaner {
  if (stream.isTTY === true) return colors ? onlyColors : plain
  return refused ? plain : (line) => line
}
