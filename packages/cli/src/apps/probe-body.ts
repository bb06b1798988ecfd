import type { DeployAppInput } from '@pandastack/contract'
import { usageError } from '../errors.ts'

export interface ProbeOptions {
  readonly probe: string | undefined
  readonly probeInterval: string | undefined
  readonly probeTimeout: string | undefined
}

type ProbeInput = DeployAppInput['probe']

/** What the flags say of the probe; undefined = nothing, so it stays as it was, null = there is to be none. */
export function probeBody({ probe, probeInterval, probeTimeout }: ProbeOptions): ProbeInput {
  const times = {
    ...(probeInterval === undefined ? {} : { interval: probeInterval }),
    ...(probeTimeout === undefined ? {} : { timeout: probeTimeout }),
  }
  const timed = Object.keys(times).length > 0
  if (probe === undefined || probe === 'none') {
    if (timed) throw usageError('--probe-interval and --probe-timeout are of a probe, and none is given', GIVE)
    return probe === undefined ? undefined : null
  }
  return { http: probe, ...times }
}

const GIVE = 'Give it, too: --probe http://:3000/healthz'
