/** Worker processes of one contender, seen from their parent. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Order, Report } from './child.ts'

export interface CrewPlan {
  readonly who: string
  readonly url: string
  readonly size: number
  readonly concurrency: number
  /** Default 1. */
  readonly queues?: number
}

export type Calls = Extract<Report, { kind: 'calls' }>
export type Cpu = Extract<Report, { kind: 'cpu' }>

export class Crew {
  readonly #members: readonly ChildProcess[]
  readonly #calls = new Map<ChildProcess, Calls>()
  onCalls: (calls: Calls) => void = () => undefined

  private constructor(members: readonly ChildProcess[]) {
    this.#members = members
    for (const member of members) {
      member.on('message', (report: Report) => {
        if (report.kind !== 'calls') return
        this.#calls.set(member, report)
        this.onCalls(report)
      })
    }
  }

  /** Resolves when all processes have loaded what they need. */
  static async start({ who, url, size, concurrency, queues = 1 }: CrewPlan): Promise<Crew> {
    const file = new URL('./child.ts', import.meta.url)
    const args = [who, url, String(concurrency), String(queues)]
    const members = Array.from({ length: size }, () => fork(file, args, { execArgv: process.execArgv }))
    await Promise.all(members.map((member) => answer(member, 'ready')))
    return new Crew(members)
  }

  /** Resolves when all of them take jobs. */
  async go(each: boolean): Promise<void> {
    await Promise.all(this.#members.map((member) => ask(member, { kind: 'go', each }, 'going')))
  }

  /** Resolves when so many jobs were done by all together. @returns jobs per second from the first call of any to the last */
  async done(total: number): Promise<number> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.#sum() >= total) resolve()
      }
      this.onCalls = look
      look()
    })
    const all = [...this.#calls.values()]
    if (this.#sum() !== total) throw new Error(`${this.#sum()} calls for ${total} jobs`)
    const first = all.map(({ firstNs }) => BigInt(firstNs)).reduce((a, b) => (a < b ? a : b))
    const last = all.map(({ lastNs }) => BigInt(lastNs)).reduce((a, b) => (a > b ? a : b))
    return total / (Number(last - first) / 1e9)
  }

  /** Of all processes together. */
  async cpu(): Promise<Cpu> {
    const all = await Promise.all(this.#members.map((member) => ask(member, { kind: 'cpu' }, 'cpu')))
    return {
      kind: 'cpu',
      micros: all.reduce((sum, one) => sum + one.micros, 0),
      rssBytes: all.reduce((sum, one) => sum + one.rssBytes, 0),
    }
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#members.map(async (member) => {
        const ended = once(member, 'exit')
        member.send({ kind: 'stop' } satisfies Order)
        await ended
      }),
    )
  }

  #sum(): number {
    return [...this.#calls.values()].reduce((sum, { count }) => sum + count, 0)
  }
}

type ReportOf<K extends Report['kind']> = Extract<Report, { kind: K }>

async function ask<K extends Report['kind']>(member: ChildProcess, order: Order, kind: K): Promise<ReportOf<K>> {
  const answered = answer(member, kind)
  member.send(order)
  return answered
}

/** @throws when the process ends before it has said so */
function answer<K extends Report['kind']>(member: ChildProcess, kind: K): Promise<ReportOf<K>> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`a worker process ended with code ${String(code)}`))
    const onMessage = (report: Report): void => {
      if (report.kind !== kind) return
      member.off('message', onMessage)
      member.off('exit', onExit)
      resolve(report as ReportOf<K>)
    }
    member.on('message', onMessage)
    member.on('exit', onExit)
  })
}
