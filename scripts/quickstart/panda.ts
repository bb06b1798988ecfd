import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { styleText } from 'node:util'
import { say } from './say.ts'

const BIN = fileURLToPath(new URL('../../packages/cli/bin/panda.js', import.meta.url))

export interface Panda {
  /** Runs a command as a user would, shows it and what it prints. @throws when it ends with another exit code. */
  show(args: readonly string[], expected?: number): Promise<void>
  /** Runs a command in silence and reads its JSON. */
  ask<T>(args: readonly string[]): Promise<T>
  /** Runs a command in silence. @returns what it writes to stdout */
  text(args: readonly string[]): Promise<string>
}

export function createPanda(env: NodeJS.ProcessEnv): Panda {
  const text = async (args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await execute(args, env, 'pipe')
    if (code !== 0) throw new Error(`panda ${args.join(' ')} ended with exit code ${code}:\n${stderr}`)
    return stdout
  }
  return {
    async show(args, expected = 0) {
      say(`\n${styleText('cyan', `$ panda ${args.map(quoted).join(' ')}`)}`)
      const { code } = await execute(args, env, 'inherit')
      if (code !== expected)
        throw new Error(`panda ${args.join(' ')} ended with exit code ${code}, expected ${expected}`)
    },
    ask: async <T>(args: readonly string[]) => JSON.parse(await text([...args, '-o', 'json'])) as T,
    text,
  }
}

export function spawnServer(env: NodeJS.ProcessEnv, args: readonly string[]) {
  // A group of its own: Ctrl-C must reach the show first, which then stops the server in good order.
  return spawn(process.execPath, [BIN, 'server', ...args], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
}

function execute(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  output: 'inherit' | 'pipe',
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], { env, stdio: ['ignore', output, output] })
    const said = { stdout: '', stderr: '' }
    child.stdout?.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()))
    child.stderr?.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 1, ...said }))
  })
}

function quoted(word: string): string {
  return /^[\w./:=@,-]+$/.test(word) ? word : `"${word.replaceAll(/["$`\\]/g, '\\$&')}"`
}
