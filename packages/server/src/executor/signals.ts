import { constants } from 'node:os'

/** A shell and an engine report the end by signal n as exit code 128 + n. */
const SIGNAL_BASE = 128
/** 128 + 31: above come real-time signals, which programs use as exit codes of their own. */
const LAST_SIGNAL = 159

const NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

/** `SIGKILL` for 137; null when the code names no signal. */
export function signalOf(exitCode: number): string | null {
  if (exitCode <= SIGNAL_BASE || exitCode > LAST_SIGNAL) return null
  return NAMES.get(exitCode - SIGNAL_BASE) ?? `signal ${exitCode - SIGNAL_BASE}`
}
