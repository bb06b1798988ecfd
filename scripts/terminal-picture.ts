// Makes docs/terminal.svg of what a terminal shows: `tmux capture-pane -e -p | npx tsx scripts/terminal-picture.ts`.
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'

const CHAR_WIDTH = 8.43
const LINE_HEIGHT = 19
const MARGIN = 16
const COLORS: Readonly<Record<number, string>> = {
  31: '#ff7b72',
  32: '#7ee787',
  33: '#e3b341',
  34: '#79c0ff',
  35: '#d2a8ff',
  36: '#76e3ea',
}
// oxlint-disable-next-line no-control-regex -- escape sequences are what is read here
const SEQUENCE = /\u001b\[([0-9;]*)m/g

interface Look {
  color: string | null
  bold: boolean
  dim: boolean
}

const lines = (await text(process.stdin)).replace(/\s+$/, '').split('\n')
const look: Look = { color: null, bold: false, dim: false }
const body = lines.map(
  (line, row) => `<text x="${MARGIN}" y="${MARGIN + 14 + row * LINE_HEIGHT}">${spans(line)}</text>`,
)
const columns = Math.max(...lines.map((line) => line.replaceAll(SEQUENCE, '').length))
const width = Math.ceil(columns * CHAR_WIDTH + 2 * MARGIN)
const height = lines.length * LINE_HEIGHT + 2 * MARGIN
const style = 'font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre; fill: #e6edf3'
const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" role="img" aria-label="A terminal with panda">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g style="${style}">
${body.join('\n')}
</g>
</svg>
`
writeFileSync(new URL('../docs/terminal.svg', import.meta.url), svg)

function spans(line: string): string {
  let from = 0
  let out = ''
  for (const match of line.matchAll(SEQUENCE)) {
    out += span(line.slice(from, match.index))
    for (const code of (match[1] === '' ? '0' : (match[1] ?? '0')).split(';')) apply(Number(code))
    from = match.index + match[0].length
  }
  return out + span(line.slice(from))
}

function apply(code: number): void {
  if (code === 0) Object.assign(look, { color: null, bold: false, dim: false })
  else if (code === 1) look.bold = true
  else if (code === 2) look.dim = true
  else if (code === 22) Object.assign(look, { bold: false, dim: false })
  else if (code === 39) look.color = null
  else look.color = COLORS[code] ?? look.color
}

function span(content: string): string {
  if (content === '') return ''
  const fill = look.color ?? (look.dim ? '#8b949e' : null)
  const attributes = `${fill === null ? '' : ` fill="${fill}"`}${look.bold ? ' font-weight="bold"' : ''}`
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return `<tspan${attributes} xml:space="preserve">${escaped}</tspan>`
}
