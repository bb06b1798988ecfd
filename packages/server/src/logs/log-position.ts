/**
 * Where a log is to be read on, and what of that is stored already. A driver's cursor can only be used where no line is
 * open in any stream, so behind it may lie lines that are stored: they are counted per stream and left out when read
 * again. That is exact because the order within a stream never changes.
 */
export interface LogPosition {
  /** The driver's cursor; null = the beginning. */
  readonly cursor: string | null
  /** Lines of stdout behind the cursor that are dealt with. */
  readonly stdout: number
  readonly stderr: number
}

export const START_POSITION: LogPosition = { cursor: null, stdout: 0, stderr: 0 }

/** What a writer must remember over a restart, stored as text in `run_logs.cursor`. */
export interface WriterMemory {
  readonly position: LogPosition
  /** Bytes that the run's log had when this attempt began. */
  readonly baseBytes: number
  /** The limit is reached: further lines are counted, not stored. */
  readonly over: boolean
}

export function encodeMemory(memory: WriterMemory): string {
  const { cursor, stdout, stderr } = memory.position
  return JSON.stringify([cursor, stdout, stderr, memory.baseBytes, memory.over ? 1 : 0])
}

export function decodeMemory(text: string): WriterMemory {
  const [cursor, stdout, stderr, baseBytes, over] = JSON.parse(text) as [string | null, number, number, number, number]
  return { position: { cursor, stdout, stderr }, baseBytes, over: over === 1 }
}
