/** A paragraph in lines of at most `width` characters, broken between words; one line without a width (a pipe). */
export function wrap(text: string, indent: string, width: number | undefined): string[] {
  if (width === undefined) return [indent + text]
  const lines: string[] = []
  let line = indent
  for (const word of text.split(' ')) {
    if (line !== indent && line.length + 1 + word.length > width) {
      lines.push(line)
      line = indent
    }
    line += line === indent ? word : ` ${word}`
  }
  return [...lines, line]
}
