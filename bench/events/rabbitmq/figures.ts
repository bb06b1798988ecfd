import { readFile, writeFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem } from 'node:os'

export interface Figure {
  readonly perSecond: number
  /** Of this process, per event. */
  readonly cpuMicros: number
  readonly p50?: number
  readonly p99?: number
}

export interface Row {
  readonly scenario: string
  readonly way: string
  readonly perSecond: number
  readonly cpuMicros: number
  readonly p50Ms?: number
  readonly p99Ms?: number
  /** Events per second and CPU of each round. */
  readonly rounds: readonly (readonly [number, number])[]
  readonly loadAtStart: number
}

const file = 'bench/results/events-rabbitmq.json'
const claim =
  '>= 80 % of raw amqplib with the same guarantees; <= 15 us extra CPU per publish, <= 10 us per delivery; end to end within 1 ms of raw'

export async function measured(count: number, work: () => Promise<void>): Promise<Figure> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await work()
  const ms = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: (count / ms) * 1_000, cpuMicros: (user + system) / count }
}

export function median(values: readonly number[]): number {
  return at(values, 0.5)
}

export function at(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN
}

/** What each way came to in each round. */
export class Figures {
  readonly #all = new Map<string, { scenario: string; way: string; figures: Figure[] }>()
  readonly #loadAtStart = loadavg()[0] ?? 0

  record(scenario: string, way: string, figure: Figure): void {
    const key = `${scenario} | ${way}`
    const known = this.#all.get(key) ?? { scenario, way, figures: [] }
    known.figures.push(figure)
    this.#all.set(key, known)
  }

  rows(): readonly Row[] {
    return [...this.#all.values()].map(({ scenario, way, figures }) => {
      const middle = (read: (figure: Figure) => number | undefined) =>
        round(median(figures.map((each) => read(each) ?? Number.NaN)), 2)
      return {
        scenario,
        way,
        perSecond: Math.round(middle(({ perSecond }) => perSecond)),
        cpuMicros: middle(({ cpuMicros }) => cpuMicros),
        ...(figures[0]?.p50 === undefined ? {} : { p50Ms: middle(({ p50 }) => p50), p99Ms: middle(({ p99 }) => p99) }),
        rounds: figures.map(({ perSecond, cpuMicros }) => [Math.round(perSecond), round(cpuMicros, 1)] as const),
        loadAtStart: round(this.#loadAtStart, 1),
      }
    })
  }
}

/** Each way beside raw amqplib. */
function ratios(rows: readonly Row[]) {
  return rows
    .filter(({ way }) => way !== 'amqplib')
    .map(({ scenario, way, perSecond, cpuMicros, p50Ms }) => {
      const raw = rows.find((row) => row.scenario === scenario && row.way === 'amqplib')
      return {
        scenario,
        way,
        rateToRaw: round(perSecond / (raw?.perSecond ?? Number.NaN), 2),
        extraCpuMicros: round(cpuMicros - (raw?.cpuMicros ?? Number.NaN), 1),
        ...(p50Ms === undefined ? {} : { extraP50Ms: round(p50Ms - (raw?.p50Ms ?? Number.NaN), 2) }),
      }
    })
}

/** Rows of scenarios that were not measured this time stay as they were. */
export async function write(rows: readonly Row[], versions: object): Promise<void> {
  const before = JSON.parse(await readFile(file, 'utf8').catch(() => '{"rows":[]}')) as { rows: readonly Row[] }
  const kept = before.rows.filter(
    ({ scenario, way }) => !rows.some((row) => row.scenario === scenario && row.way === way),
  )
  const all = [...kept, ...rows].sort((a, b) => a.scenario.localeCompare(b.scenario, 'en', { numeric: true }))
  console.table(rows.map(({ rounds: _rounds, ...row }) => row))
  console.table(ratios(rows))
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
  }
  const result = { claim, ratios: ratios(all), rows: all, machine, versions: { node: process.version, ...versions } }
  await writeFile(file, `${JSON.stringify(result, null, 2)}\n`)
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
