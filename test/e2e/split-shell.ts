/**
 * The words that a POSIX shell makes of a simple command: blanks part words, quotes hold them together, a backslash at
 * the end of a line goes on with the next one. Variables, substitutions and operators are refused, so that a command
 * with one is never run as something else.
 */
export function splitShell(text: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  const add = (piece: string): void => void (word = (word ?? '') + piece)
  for (let at = 0; at < text.length; at++) {
    const sign = text.charAt(at)
    if (quote === "'") {
      if (sign === "'") quote = ''
      else add(sign)
    } else if (sign === '\\') {
      const next = text.charAt(++at)
      if (next === '') throw new Error('nothing follows the last backslash')
      // Within double quotes only these lose their meaning.
      if (next !== '\n') add(quote === '"' && !'"\\$`'.includes(next) ? sign + next : next)
    } else if ('$`'.includes(sign) || (quote === '' && ';|&<>(){}*?#~'.includes(sign))) {
      throw new Error(`${sign} has a meaning for the shell that is not known here`)
    } else if (quote !== '' || sign === '"' || sign === "'") {
      if (quote === '') quote = sign
      else if (sign === quote) quote = ''
      else add(sign)
      add('')
    } else if (/\s/.test(sign)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else {
      add(sign)
    }
  }
  if (quote !== '') throw new Error(`the quote ${quote} is not closed`)
  return word === undefined ? words : [...words, word]
}
