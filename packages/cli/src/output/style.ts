type Paint = (text: string) => string

/** The few colours that are used. */
export interface Style {
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly green: Paint
  readonly yellow: Paint
  readonly cyan: Paint
}

const same: Paint = (text) => text
const PLAIN: Style = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same }

interface Terminal {
  readonly isTTY?: boolean | undefined
}

/**
 * Whether to colour one stream. In this order: `--no-color`, NO_COLOR (no-color.org: any text but the empty one),
 * FORCE_COLOR (anything but `0` and `false`), TERM=dumb, and whether the stream is a terminal.
 */
export function wantsColor(stream: Terminal, env: NodeJS.ProcessEnv, flagNoColor: boolean): boolean {
  if (flagNoColor || (env['NO_COLOR'] ?? '') !== '') return false
  const force = env['FORCE_COLOR']
  if (force !== undefined) return force !== '0' && force !== 'false'
  return env['TERM'] !== 'dumb' && stream.isTTY === true
}

/** The library is only loaded for colours: a command in a pipe does not pay for it. */
export async function createStyle(enabled: boolean): Promise<Style> {
  if (!enabled) return PLAIN
  const { default: picocolors } = await import('picocolors')
  return picocolors.createColors(true)
}

/** A state in its colour; the word itself always carries the meaning. */
export function paintState(style: Style, state: string): string {
  if (state === 'succeeded' || state === 'sent' || state === 'ready') return style.green(state)
  if (state === 'failed' || state === 'lost' || state === 'missed' || state === 'dead' || state === 'crashing')
    return style.red(state)
  if (state === 'running' || state === 'pulling' || state === 'deploying') return style.cyan(state)
  if (
    state === 'skipped' ||
    state === 'cancelled' ||
    state === 'retrying' ||
    state === 'paused' ||
    state === 'degraded'
  ) {
    return style.yellow(state)
  }
  return state
}
