import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ack, Mark, Outage, Silence } from './queue-checker.ts'

/** What the logs hold, read back after the run. */
export interface LoggedEvidence {
  readonly acks: readonly Ack[]
  readonly starts: readonly Mark[]
  readonly effects: readonly Mark[]
  readonly silences: readonly Silence[]
  readonly outages: readonly Outage[]
}

const SILENCES = new Set(['killed', 'frozen', 'ended'])

/**
 * The logs of one run, as files to which lines are only appended: a process that is killed has written what it has
 * written, and nothing of the judgement is in anybody's memory.
 */
export class QueueLogs {
  /** Lines of the producer: `n id at`. */
  readonly acks: string
  /** Lines of the handlers: `n id at pid`. */
  readonly starts: string
  readonly effects: string
  /** Lines of the nemesis: `killed|frozen|ended|store|cut pid from until`. */
  readonly faults: string

  constructor(folder: string) {
    this.acks = join(folder, 'acks')
    this.starts = join(folder, 'starts')
    this.effects = join(folder, 'effects')
    this.faults = join(folder, 'faults')
    for (const file of [this.acks, this.starts, this.effects, this.faults]) writeFileSync(file, '')
  }

  acknowledged(n: number, id: string): void {
    appendFileSync(this.acks, `${n} ${id} ${Date.now()}\n`)
  }

  silence(kind: Silence['kind'], pid: number, from: number, until: number): void {
    appendFileSync(this.faults, `${kind} ${pid} ${from} ${until}\n`)
  }

  outage(what: Outage['what'], from: number, until: number): void {
    appendFileSync(this.faults, `${what} - ${from} ${until}\n`)
  }

  read(): LoggedEvidence {
    const faults = lines(this.faults).map(([kind = '', pid, from, until]) => ({
      kind,
      pid: Number(pid),
      from: Number(from),
      until: Number(until),
    }))
    return {
      acks: lines(this.acks).map(([n, id = '', at]) => ({ n: Number(n), id, at: Number(at) })),
      starts: marks(this.starts),
      effects: marks(this.effects),
      silences: faults.filter((fault): fault is Silence => SILENCES.has(fault.kind)),
      outages: faults.flatMap(({ kind, from, until }) =>
        kind === 'store' || kind === 'cut' ? [{ what: kind, from, until }] : [],
      ),
    }
  }
}

function marks(file: string): Mark[] {
  return lines(file).map(([n, id = '', at, pid]) => ({ n: Number(n), id, at: Number(at), pid: Number(pid) }))
}

function lines(file: string): string[][] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '))
}
