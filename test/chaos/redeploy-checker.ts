/** Somebody was told that this piece of work is safe. */
export interface AckLine {
  readonly n: number
  readonly atMs: number
}

/** A handler has done it. */
export interface EffectLine extends AckLine {
  readonly instance: string
}

export interface RedeployVerdict {
  readonly acknowledged: number
  /** Acknowledged and never done. */
  readonly lost: readonly number[]
  /** Done more than once. */
  readonly doubled: readonly number[]
  /** The longest time in which nothing was done, while work kept coming; milliseconds. */
  readonly longestGapMs: number
  /** The longest time in which nothing was added: as long as the machine itself did not go on. */
  readonly longestPauseMs: number
  /** Instances that have done something. */
  readonly instances: number
}

/** Judges by the two logs alone, which their writers only append to. */
export function checkRedeploys(acks: readonly AckLine[], effects: readonly EffectLine[]): RedeployVerdict {
  const times = new Map<number, number>()
  for (const { n } of effects) times.set(n, (times.get(n) ?? 0) + 1)
  const lastAckMs = Math.max(...acks.map(({ atMs }) => atMs))
  const underLoad = effects.filter(({ atMs }) => atMs <= lastAckMs)
  return {
    acknowledged: acks.length,
    lost: acks.filter(({ n }) => !times.has(n)).map(({ n }) => n),
    doubled: [...times].filter(([, count]) => count > 1).map(([n]) => n),
    longestGapMs: longestGap(underLoad),
    longestPauseMs: longestGap(acks),
    instances: new Set(effects.map(({ instance }) => instance)).size,
  }
}

function longestGap(lines: readonly AckLine[]): number {
  const times = lines.map(({ atMs }) => atMs).toSorted((a, b) => a - b)
  return times.reduce((longest, atMs, index) => Math.max(longest, atMs - (times[index - 1] ?? atMs)), 0)
}

/** Lines `n at [instance]`; one that a killed writer did not finish is left out. */
export function parseLog(text: string): EffectLine[] {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [n, atMs, instance = ''] = line.split(' ')
      return { n: Number(n), atMs: Number(atMs), instance }
    })
}
