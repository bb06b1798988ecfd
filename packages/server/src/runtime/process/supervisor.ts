/**
 * A small process of its own for each unit: it starts the unit's command as its child, writes what that prints and how
 * it ended into the unit's folder, and ends. It lives in its own session, so it goes on when the server is killed.
 *
 * On stdin it gets one JSON {@link SupervisorOrder} (variables thus never touch the disk); on stdout it answers one JSON
 * {@link SupervisorAnswer} when the command runs. It writes nothing else and heeds no signal but SIGKILL.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { SegmentWriter, type SegmentLimits } from './log-segments.ts'
import { processStamp } from './process-start-time.ts'
import { errorCode, writeUnitFile } from './unit-folder.ts'

export interface SupervisorOrder {
  readonly folder: string
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly limits: SegmentLimits
}

/** `busy`: another supervisor runs this unit, or it was removed. */
export type SupervisorAnswer =
  | { readonly state: 'started' | 'busy' }
  | { readonly state: 'failed'; readonly message: string }

/** What left the unit's process group may hold its output open; it is not waited for longer. */
const OUTPUT_LIMIT_MS = 2000

async function readOrder(): Promise<SupervisorOrder> {
  const parts: Buffer[] = []
  for await (const part of process.stdin) parts.push(part as Buffer)
  return JSON.parse(Buffer.concat(parts).toString()) as SupervisorOrder
}

function answer(message: SupervisorAnswer): void {
  // Nobody reads it when the server has died meanwhile.
  process.stdout.on('error', () => undefined)
  process.stdout.end(JSON.stringify(message))
}

function stampOf(pid: number): string {
  return processStamp(pid) ?? 'gone'
}

function supervise({ folder, file, args, env, limits }: SupervisorOrder): void {
  const own = { pid: process.pid, stamp: stampOf(process.pid), atMs: Date.now() }
  if (!writeUnitFile(folder, 'supervisor.json', own)) return answer({ state: 'busy' })
  const output = new SegmentWriter(folder, limits)
  const startedAtMs = Date.now()
  const child = spawn(file, args, {
    cwd: join(folder, 'work'),
    env,
    // A group of its own: a stop reaches all of it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.on('data', (data: Buffer) => output.write('stdout', data))
  child.stderr.on('data', (data: Buffer) => output.write('stderr', data))
  child.on('error', (error) => answer({ state: 'failed', message: error.message }))
  child.on('spawn', () => {
    if (child.pid === undefined) throw new Error('a process without a pid')
    writeUnitFile(folder, 'start.json', { pid: child.pid, stamp: stampOf(child.pid), atMs: startedAtMs })
    answer({ state: 'started' })
  })
  let finishedAtMs = 0
  child.on('exit', () => {
    finishedAtMs = Date.now()
    endGroup(child.pid)
    setTimeout(() => {
      child.stdout.destroy()
      child.stderr.destroy()
    }, OUTPUT_LIMIT_MS).unref()
  })
  child.on('close', (code, signal) => {
    output.end()
    const exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal])
    if (child.pid === undefined) return
    writeUnitFile(folder, 'exit.json', { kind: 'exited', code: exitCode, startedAtMs, finishedAtMs })
  })
}

/** As in a container: when the command has ended, so has what it started. The group lives while it has a member. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // macOS says EPERM for a group of which only the dead are left.
    if (!['ESRCH', 'EPERM'].includes(errorCode(error))) throw error
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
supervise(await readOrder())
