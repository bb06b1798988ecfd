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
}

export function createPanda(env: NodeJS.ProcessEnv): Panda {
  return {
    async show(args, expected = 0) {
      say(`\n${styleText('cyan', `$ panda ${args.map(quoted).join(' ')}`)}`)
      const { code } = await execute(args, env, 'inherit')
      if (code !== expected)
        throw new Error(`panda ${args.join(' ')} ended with exit code ${code}, expected ${expected}`)
    },
    async ask<T>(args: readonly string[]) {
      const { code, stdout } = await execute([...args, '-o', 'json'], env, 'pipe')
      if (code !== 0) throw new Error(`panda ${args.join(' ')} ended with exit code ${code}`)
      return JSON.parse(stdout) as T
    },
  }
}

export function spawnServer(env: NodeJS.ProcessEnv, args: readonly string[]) {
  // A group of its own: Ctrl-C must reach the show first, which then stops the server in good order.
  return spawn(process.execPath, [BIN, 'server', ...args], { env, stdio: ['ignore', 'ignore', 'pipe'], detached: true })
}

function execute(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  stdout: 'inherit' | 'pipe',
): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], { env, stdio: ['ignore', stdout, 'inherit'] })
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 1, stdout: text }))
  })
}

function quoted(word: string): string {
  return /^[\w./:=@,-]+$/.test(word) ? word : `"${word.replaceAll(/["$`\\]/g, '\\$&')}"`
}
