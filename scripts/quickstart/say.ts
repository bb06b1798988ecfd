import { styleText } from 'node:util'

/** Everything but the commands' own output goes to stderr, like the talk of `panda` itself. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

export function step(what: string): void {
  say(`${styleText('bold', '•')} ${what} …`)
}

export function ok(what: string): void {
  say(`${styleText('green', '✓')} ${what}`)
}

export function title(what: string): void {
  say(`\n${styleText('bold', what)}`)
}
