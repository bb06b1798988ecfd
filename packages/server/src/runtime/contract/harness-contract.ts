import { randomBytes } from 'node:crypto'
import type { PublishedPort } from '@pandastack/contract'
import { expect } from 'vitest'
import type { LogChunk, RuntimeDriver, UnitExit, UnitSpec, UnitStatus } from '../driver.ts'
import { unitName } from '../driver.ts'
import type { ExecProgram, Program, ProgramRequest } from './programs-contract.ts'

/** What an implementation gives to the suite. One per suite run; it starts nothing of another installation. */
export interface ContractHarness {
  readonly driver: RuntimeDriver
  /** An installation id that nobody else uses. */
  readonly installation: string
  program(request: ProgramRequest): Program
  /** The words of a command inside a unit. */
  exec(program: ExecProgram): readonly string[]
  /** Leaves the unit as a server does that died between create and start. */
  createOnly(unit: UnitSpec): Promise<void>
  /** A port that something else has, where the engine cannot see the machine's. Default: a real one is taken. */
  readonly takenPort?: PublishedPort
  /** Closes the driver and removes what is left. */
  dispose(): Promise<void>
}

/** One test that an implementation cannot pass, and why. The suite fails on a name that it does not have. */
export interface ContractSkip {
  readonly test: string
  readonly reason: string
}

export const MEMORY_BYTES = 64 * 1024 * 1024
const MAX_LOG_CHUNKS = 1_000_000

export interface SuiteContext {
  readonly driver: RuntimeDriver
  readonly harness: ContractHarness
  unit(request: ProgramRequest, change?: Partial<UnitSpec>): UnitSpec
}

export function suiteContext(harness: ContractHarness): SuiteContext {
  const unit = (request: ProgramRequest, change: Partial<UnitSpec> = {}): UnitSpec => {
    const run = `run_${randomBytes(8).toString('hex')}`
    const labels = {
      installation: harness.installation,
      project: 'default',
      kind: 'run' as const,
      resource: 'contract',
      run,
      attempt: 1,
    }
    const limits = { env: {}, memoryBytes: MEMORY_BYTES, cpus: 1, graceMs: 10_000 }
    return { name: unitName(run, 1), labels, ...limits, ...harness.program(request), ...change }
  }
  return { driver: harness.driver, harness, unit }
}

export async function runToEnd(context: SuiteContext, unit: UnitSpec): Promise<Exclude<UnitExit, { kind: 'lost' }>> {
  await context.driver.start(unit)
  return exitOf(await context.driver.wait(unit.name))
}

export function exitOf(status: UnitStatus | null): Exclude<UnitExit, { kind: 'lost' }> {
  expect(status).toMatchObject({ state: 'exited', exit: { kind: 'exited' } })
  if (status?.state !== 'exited' || status.exit.kind !== 'exited') throw new Error('the unit has no exit')
  return status.exit
}

export async function readLogs(driver: RuntimeDriver, name: string, after: string | null = null, follow = false) {
  const chunks: LogChunk[] = []
  for await (const chunk of driver.logs(name, { after, follow })) {
    chunks.push(chunk)
    if (chunks.length > MAX_LOG_CHUNKS) throw new Error('the log does not end')
  }
  return chunks
}

/** The text of one stream, lines ended by `\n`: what the program wrote. */
export function textOf(chunks: readonly LogChunk[], stream: LogChunk['stream'] = 'stdout'): string {
  return chunks
    .filter((chunk) => chunk.stream === stream)
    .map((chunk) => (chunk.endOfLine ? `${chunk.text}\n` : chunk.text))
    .join('')
}

/** `tick 1\ntick 2\n…` */
export function numbered(word: string, count: number): string {
  return Array.from({ length: count }, (_, index) => `${word} ${index + 1}\n`).join('')
}
