/**
 * Claim: the cron evaluator gives at least 300,000 next times per CPU second in a zone with daylight saving, and a
 * parsed schedule stays under 2 kB. Rivals in the same run: croner and cron-parser.
 *
 *     npx tsx --conditions=source bench/next-time.ts
 *
 * Rounds of all three take turns, so that a change in the machine's speed meets them alike; the median round counts.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import os from 'node:os'
import v8 from 'node:v8'
import vm from 'node:vm'
import { nextTime, parseSchedule } from '@pandastack/sdk/schedule'
import { CronExpressionParser } from 'cron-parser'
import { Cron } from 'croner'

const EXPRESSIONS = ['* * * * *', '0 8 * * 1', '0 0 31 * *', '*/5 9-17 * * 1-5']
const ZONES = ['UTC', 'America/New_York']
const ROUNDS = 5
const ROUND_CPU_MS = 150
const BATCH = 50
const START = Date.UTC(2026, 0, 1)
/** After so long the walk starts again, so that it crosses ten clock changes and stays within a real horizon. */
const END = Date.UTC(2031, 0, 1)
const TARGET_NEXT_PER_SECOND = 300_000
const TARGET_HEAP_BYTES = 2048

const NAMES = ['ours', 'croner', 'cron-parser'] as const
type Name = (typeof NAMES)[number]
type Figures = Record<Name, number>
/** Does `BATCH` operations. */
type Work = () => void

/** Keeps the optimizer from dropping the work. */
let sink = 0

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Operations per CPU second in one round. */
function round(work: Work): number {
  const begin = cpuMs()
  let operations = 0
  let spent = 0
  while (spent < ROUND_CPU_MS) {
    work()
    operations += BATCH
    if (operations % 1000 === 0 || spent === 0 || operations < 1000) spent = cpuMs() - begin
  }
  return (operations / spent) * 1000
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

function race(works: Record<Name, Work>): Figures {
  const rounds: Record<Name, number[]> = { ours: [], croner: [], 'cron-parser': [] }
  for (const name of NAMES) round(works[name])
  for (let count = 0; count < ROUNDS; count++) for (const name of NAMES) rounds[name].push(round(works[name]))
  return {
    ours: Math.round(median(rounds.ours)),
    croner: Math.round(median(rounds.croner)),
    'cron-parser': Math.round(median(rounds['cron-parser'])),
  }
}

function walk(next: (after: number) => number): Work {
  let at = START
  return () => {
    for (let count = 0; count < BATCH; count++) {
      at = next(at)
      if (at > END) at = START
    }
    sink += at
  }
}

function nextWorks(expression: string, timeZone: string): Record<Name, Work> {
  const schedule = parseSchedule(expression)
  const croner = new Cron(expression, { timezone: timeZone, paused: true })
  const parser = CronExpressionParser.parse(expression, { tz: timeZone, currentDate: new Date(START) })
  let last = START
  return {
    ours: walk((after) => nextTime(schedule, timeZone, after) ?? Infinity),
    croner: walk((after) => croner.nextRun(new Date(after))?.getTime() ?? Infinity),
    // Its cursor is inside; it is set back only where the walk starts again.
    'cron-parser': walk((after) => {
      if (after !== last) parser.reset(new Date(after))
      last = parser.next().getTime()
      return last
    }),
  }
}

function parseWorks(expression: string): Record<Name, Work> {
  const each =
    (parse: () => unknown): Work =>
    () => {
      for (let count = 0; count < BATCH; count++) if (parse() === null) sink++
    }
  return {
    ours: each(() => parseSchedule(expression)),
    croner: each(() => new Cron(expression, { timezone: 'America/New_York', paused: true })),
    'cron-parser': each(() => CronExpressionParser.parse(expression, { tz: 'America/New_York' })),
  }
}

/** Bytes of heap for one parsed schedule that was asked once, over `count` different ones. */
function heapEach(count: number, make: (expression: string) => unknown): number {
  v8.setFlagsFromString('--expose_gc')
  const collect: unknown = vm.runInNewContext('gc')
  if (typeof collect !== 'function') throw new Error('no garbage collector to call')
  const texts = Array.from({ length: count }, (_, index) => `${index % 60} ${index % 24} * * ${1 + (index % 5)}`)
  const kept: unknown[] = [make('1 1 1 1 1')]
  collect()
  const before = process.memoryUsage().heapUsed
  for (const text of texts) kept.push(make(text))
  collect()
  const bytes = (process.memoryUsage().heapUsed - before) / count
  sink += kept.length
  return Math.round(bytes)
}

function heapFigures(): Figures {
  const timeZone = 'America/New_York'
  return {
    ours: heapEach(20_000, (text) => {
      const schedule = parseSchedule(text)
      nextTime(schedule, timeZone, START)
      return schedule
    }),
    croner: heapEach(1000, (text) => {
      const cron = new Cron(text, { timezone: timeZone, paused: true })
      cron.nextRun(new Date(START))
      return cron
    }),
    'cron-parser': heapEach(5000, (text) => {
      const parsed = CronExpressionParser.parse(text, { tz: timeZone, currentDate: new Date(START) })
      parsed.next()
      return parsed
    }),
  }
}

function ratios(figures: Figures): Record<string, number> {
  const one = (other: number) => Number((figures.ours / other).toPrecision(3))
  return { 'ours/croner': one(figures.croner), 'ours/cron-parser': one(figures['cron-parser']) }
}

async function versionOf(name: string): Promise<string> {
  // The package's own entry point leads to its folder; its package.json is not among its exports.
  const entry = createRequire(import.meta.url).resolve(name)
  const root = entry.slice(0, entry.lastIndexOf(`node_modules/${name}/`) + `node_modules/${name}/`.length)
  const manifest: unknown = JSON.parse(await readFile(`${root}package.json`, 'utf8'))
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version)
  throw new Error(`no version in ${root}package.json`)
}

async function main(): Promise<void> {
  const heap = heapFigures()
  const next = ZONES.flatMap((timeZone) =>
    EXPRESSIONS.map((expression) => {
      const perCpuSecond = race(nextWorks(expression, timeZone))
      console.log(`next  ${timeZone.padEnd(17)} ${expression.padEnd(17)}`, perCpuSecond)
      return { timeZone, expression, perCpuSecond, ratios: ratios(perCpuSecond) }
    }),
  )
  const parse = ['0 8 * * 1', '*/5 9-17 * * 1-5'].map((expression) => {
    const perCpuSecond = race(parseWorks(expression))
    console.log(`parse ${expression.padEnd(35)}`, perCpuSecond)
    return { expression, perCpuSecond, ratios: ratios(perCpuSecond) }
  })
  console.log('heap bytes per schedule', heap)
  const slowest = Math.min(...next.filter((one) => one.timeZone !== 'UTC').map((one) => one.perCpuSecond.ours))
  const report = {
    claim: 'next times per CPU second; heap per parsed schedule',
    date: new Date().toISOString(),
    machine: {
      cpu: os.cpus()[0]?.model ?? 'unknown',
      cores: os.cpus().length,
      memoryGiB: Math.round(os.totalmem() / 2 ** 30),
      system: `${os.type()} ${os.release()} ${os.arch()}`,
      loadAverage: os.loadavg()[0],
    },
    versions: {
      node: process.version,
      icu: process.versions['icu'],
      tzdata: process.versions['tz'],
      croner: await versionOf('croner'),
      'cron-parser': await versionOf('cron-parser'),
    },
    configuration: {
      rounds: ROUNDS,
      roundCpuMs: ROUND_CPU_MS,
      figure: 'median round',
      walk: '2026 to 2030, again and again',
      clock: 'process.cpuUsage, user + system',
    },
    targets: {
      slowestNextPerCpuSecondWithDaylightSaving: {
        target: TARGET_NEXT_PER_SECOND,
        measured: slowest,
        met: slowest >= TARGET_NEXT_PER_SECOND,
      },
      heapBytesPerSchedule: { target: TARGET_HEAP_BYTES, measured: heap.ours, met: heap.ours < TARGET_HEAP_BYTES },
    },
    next,
    parse,
    heapBytesPerSchedule: { ...heap, ratios: ratios(heap) },
  }
  const folder = new URL('results/', import.meta.url)
  await mkdir(folder, { recursive: true })
  await writeFile(new URL('next-time.json', folder), `${JSON.stringify(report, null, 2)}\n`)
  console.log(JSON.stringify(report.targets, null, 2))
  if (Number.isNaN(sink)) throw new Error('a walk lost its way')
  if (!Object.values(report.targets).every((target) => target.met)) process.exitCode = 1
}

await main()
