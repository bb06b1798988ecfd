import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { RuntimeError } from '../driver.ts'
import type { SupervisorAnswer, SupervisorOrder } from './supervisor.ts'

/** Node's start plus a slow disk; then the supervisor counts as broken. */
const ANSWER_LIMIT_MS = 30_000

/**
 * Starts a supervisor and waits until the command runs.
 *
 * @param onExit called when the supervisor has ended, so the unit too
 * @throws RuntimeError `start-failed` when the command cannot be run
 */
export async function launchSupervisor(order: SupervisorOrder, onExit: () => void): Promise<'started' | 'busy'> {
  const child = spawn(process.execPath, supervisorArgs(), {
    cwd: '/',
    // Node's own options of the server, e.g. an inspector port, are not for it.
    env: { PATH: process.env['PATH'] ?? '' },
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  child.unref()
  child.on('exit', onExit)
  // A supervisor that dies before it has read its order is told by the missing answer.
  child.stdin.on('error', () => undefined)
  child.stdin.end(JSON.stringify(order))
  const killer = setTimeout(() => child.kill('SIGKILL'), ANSWER_LIMIT_MS)
  try {
    const started = new Promise<never>((_, reject) => child.on('error', reject))
    const answer = await Promise.race([readAnswer(child.stdout), started])
    if (answer.state === 'failed') throw new RuntimeError('start-failed', answer.message)
    return answer.state
  } finally {
    clearTimeout(killer)
  }
}

async function readAnswer(stdout: AsyncIterable<Buffer>): Promise<SupervisorAnswer> {
  const parts: Buffer[] = []
  for await (const part of stdout) parts.push(part)
  const text = Buffer.concat(parts).toString()
  if (text === '') throw new RuntimeError('start-failed', 'the supervisor of the process ended before it was ready')
  return JSON.parse(text) as SupervisorAnswer
}

/** From the built package a plain script; from source (in tests) through tsx, which only development installs. */
function supervisorArgs(): string[] {
  if (import.meta.url.endsWith('.js')) return [fileURLToPath(new URL('supervisor.js', import.meta.url))]
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  return ['--import', tsx, fileURLToPath(new URL('supervisor.ts', import.meta.url))]
}
