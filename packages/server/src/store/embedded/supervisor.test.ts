import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempDir } from '../../../../../test/support/temp-dir.ts'
import type { Postmaster } from './postmaster.ts'
import { processIdentity } from './process-identity.ts'
import { supervise } from './supervisor.ts'

/** Any program will do: the supervisor only sees a pid and its end. */
async function someProcess(): Promise<{ child: ChildProcess; postmaster: Postmaster }> {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' })
  await once(child, 'spawn')
  let reason: string | undefined
  const exited = once(child, 'exit').then(() => (reason = 'ended'))
  return { child, postmaster: { pid: child.pid ?? 0, port: 1, exited, exitReason: () => reason } }
}

describe('supervise', () => {
  it('says so after 12 accidents in a row, goes on all the same, and can still be stopped', async () => {
    await using dir = await tempDir()
    const { child, postmaster } = await someProcess()
    const lines: string[] = []
    const delays: number[] = []
    const told: string[] = []
    const events = new EventEmitter()
    const went = once(events, 'went on')
    const supervisor = supervise({
      first: postmaster,
      restart: async () => {
        throw new Error('no room on the disk')
      },
      logFile: join(dir.path, 'log'),
      log: (line) => lines.push(line),
      onExit: (reason) => told.push(reason),
      delayMs: (accidents) => {
        delays.push(accidents)
        if (accidents === 20) events.emit('went on')
        return accidents < 20 ? 0 : 60_000
      },
    })
    child.kill('SIGKILL')
    await went
    expect(told.filter((reason) => reason.includes('12 times in a row'))).toHaveLength(1)
    expect(delays).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
    expect(lines.filter((line) => line.includes('no room on the disk'))).toHaveLength(19)
    await supervisor.stop()
  })

  it('does not wait for the next restart when it is stopped, and stops what runs', async () => {
    await using dir = await tempDir()
    const first = await someProcess()
    const second = await someProcess()
    const events = new EventEmitter()
    const reported = once(events, 'reported')
    const supervisor = supervise({
      first: first.postmaster,
      restart: async () => second.postmaster,
      logFile: join(dir.path, 'log'),
      log: () => undefined,
      onExit: () => void events.emit('reported'),
      delayMs: () => 600_000,
    })
    first.child.kill('SIGKILL')
    await reported
    await supervisor.stop()
    expect(supervisor.pid).toBe(first.postmaster.pid)

    const other = supervise({
      first: second.postmaster,
      restart: async () => first.postmaster,
      logFile: join(dir.path, 'log'),
      log: () => undefined,
      onExit: () => undefined,
    })
    await other.stop()
    expect(processIdentity(second.postmaster.pid)).toBeUndefined()
  })
})
