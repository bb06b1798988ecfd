import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { processIdentity } from './process-identity.ts'

describe('processIdentity', () => {
  it('stays the same while a process lives and is gone with it', async () => {
    const child = spawn(process.execPath, ['--eval', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' })
    await once(child, 'spawn')
    const pid = child.pid ?? 0
    const identity = processIdentity(pid)
    expect(identity).toBeDefined()
    expect(processIdentity(pid)).toBe(identity)
    expect(processIdentity(process.pid)).toBeDefined()
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(processIdentity(pid)).toBeUndefined()
  })
})
