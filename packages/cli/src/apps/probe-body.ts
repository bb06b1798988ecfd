import type { DeployAppInput } from '@pandastack/contract'
import { usageError } from '../errors.ts'
import { parseWords } from '../values.ts'

export interface ProbeOptions {
  readonly probe: string | undefined
  readonly probeCommand: string | undefined
  readonly probeInterval: string | undefined
  readonly probeTimeout: string | undefined
}

type ProbeInput = DeployAppInput['probe']

/** What the flags say of the probe; undefined = nothing, so it stays as it was, null = there is to be none. */
export function probeBody({ probe, probeCommand, probeInterval, probeTimeout }: ProbeOptions): ProbeInput {
  if (probe !== undefined && probeCommand !== undefined) {
    throw usageError('--probe and --probe-command are both given', 'Give one of them.')
  }
  const times = {
    ...(probeInterval === undefined ? {} : { interval: probeInterval }),
    ...(probeTimeout === undefined ? {} : { timeout: probeTimeout }),
  }
  if (probeCommand !== undefined) return { command: probeWords(probeCommand), ...times }
  if (probe !== undefined && probe !== 'none') return { http: probe, ...times }
  if (Object.keys(times).length > 0) {
    throw usageError('--probe-interval and --probe-timeout are of a probe, and none is given', GIVE)
  }
  return probe === undefined ? undefined : null
}

const GIVE = 'Give it, too: --probe http://:3000/healthz'

/** Elsewhere (`docker run --health-cmd`) this is a line for a shell; one word with blanks would be a program nobody has. */
function probeWords(text: string): string[] {
  const words = parseWords(text, '--probe-command')
  const [program = ''] = words
  if (words.length > 1 || !/\s/.test(program)) return words
  throw usageError(
    '--probe-command: no shell takes it apart, so its words have to be apart',
    `Write --probe-command '${JSON.stringify(program.trim().split(/\s+/))}', or ["sh","-c","…"] for a shell.`,
  )
}
