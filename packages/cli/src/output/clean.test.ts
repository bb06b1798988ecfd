import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { logCleaner, onlyColors, plain } from './clean.ts'

const ESC = '\u001b'
const BEL = '\u0007'
const RED = `${ESC}[31m`
const RESET = `${ESC}[0m`

const HOSTILE: readonly (readonly [what: string, text: string, clean: string])[] = [
  ['title (OSC, BEL)', `a${ESC}]0;owned${BEL}b`, 'ab'],
  ['title (OSC, ST)', `a${ESC}]0;owned${ESC}\\b`, 'ab'],
  ['hyperlink (OSC 8)', `${ESC}]8;;http://x${ESC}\\text${ESC}]8;;${ESC}\\`, 'text'],
  ['clipboard (OSC 52)', `a${ESC}]52;c;cm0gLXJm${BEL}b`, 'ab'],
  ['unfinished OSC', `a${ESC}]0;rest of the line`, 'a'],
  ['device control', `a${ESC}P$q"p${ESC}\\b`, 'ab'],
  ['cursor up', `a${ESC}[2Ab`, 'ab'],
  ['erase display', `a${ESC}[2Jb`, 'ab'],
  ['status report', `a${ESC}[6nb`, 'ab'],
  ['alternate screen', `a${ESC}[?1049hb`, 'ab'],
  ['8-bit CSI', 'a\u009b2Jb', 'ab'],
  ['full reset', `a${ESC}cb`, 'ab'],
  ['charset', `a${ESC}(0b`, 'ab'],
  ['carriage return', 'good\rbad', 'goodbad'],
  ['backspaces', 'rm\b\bls', 'rmls'],
  ['bell', `a${BEL}b`, 'ab'],
  ['right-to-left override', 'a\u202eb', 'ab'],
  ['lone escape', `a${ESC}`, 'a'],
  ['split in two', `a${ESC}${ESC}[2J[2Jb`, 'a[2Jb'],
]

describe.each(HOSTILE)('%s', (_, text, clean) => {
  it('is removed by plain', () => expect(plain(text)).toBe(clean))
  it('is removed where colours stay', () => expect(onlyColors(text)).toBe(clean))
})

describe('colours', () => {
  it('stay where they are wanted, and end with the line', () => {
    expect(onlyColors(`${RED}red${RESET}`)).toBe(`${RED}red${RESET}${RESET}`)
    expect(onlyColors(`${RED}red`)).toBe(`${RED}red${RESET}`)
    expect(onlyColors(`${ESC}[38;5;12mx`)).toBe(`${ESC}[38;5;12mx${RESET}`)
  })
  it('go where they are not', () => expect(plain(`${RED}red${RESET}`)).toBe('red'))
})

it('leaves ordinary text, tabs and other scripts alone', () => {
  for (const text of ['plain', 'a\tb', 'Grüße 世界 🐼', '']) {
    expect(plain(text)).toBe(text)
    expect(onlyColors(text)).toBe(text)
  }
})

it('leaves no escape but colours, whatever comes in', () => {
  const piece = fc.constantFrom(ESC, '[', ']', '0', ';', 'm', 'J', BEL, '\\', '\u009b', 'P', 'x', '\r')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join('')
      expect(plain(text)).not.toContain(ESC)
      // eslint-disable-next-line no-control-regex
      expect(onlyColors(text).replaceAll(/\u001b\[[0-9;:]*m/g, '')).not.toContain(ESC)
      expect(plain(plain(text))).toBe(plain(text))
    }),
    { numRuns: 2000 },
  )
})

describe('logCleaner', () => {
  const line = `${RED}x${ESC}[2J`
  it('gives a pipe the text as it was written', () => expect(logCleaner({}, false, false)(line)).toBe(line))
  it('gives a pipe plain text when colours were refused', () => expect(logCleaner({}, false, true)(line)).toBe('x'))
  it('gives a terminal colours only', () =>
    expect(logCleaner({ isTTY: true }, true, false)(line)).toBe(`${RED}x${RESET}`))
  it('gives a terminal without colours plain text', () =>
    expect(logCleaner({ isTTY: true }, false, false)(line)).toBe('x'))
})
