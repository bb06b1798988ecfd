import { access, constants, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { codeOf } from '../../packages/server/src/store/embedded/embedded-error.ts'
import { processIdentity } from '../../packages/server/src/store/embedded/process-identity.ts'
import { runProgram } from '../../packages/server/src/store/embedded/run-program.ts'
import { waitFor } from './wait-for.ts'

const installLimitMs = 600_000

/**
 * The program's path: from PATH or the system's sbin folders; as root on Debian or Ubuntu it is installed if it is
 * missing, with one line on stderr. Otherwise fails saying what to install; a test never goes on without it.
 */
export async function requireProgram(name: string, debianPackage: string): Promise<string> {
  const found = await findProgram(name)
  if (found !== undefined) return found
  const hint = `the tests need ${name}; install it (Debian, Ubuntu: apt-get install ${debianPackage})`
  const apt = await findProgram('apt-get')
  if (apt === undefined || process.getuid?.() !== 0) throw new Error(hint)
  await withInstallLock(async () => {
    if ((await findProgram(name)) !== undefined) return
    process.stderr.write(`installing the Debian package ${debianPackage} for the tests\n`)
    await runApt(apt, ['update'])
    await runApt(apt, ['install', '--yes', '--no-install-recommends', debianPackage])
  })
  const installed = await findProgram(name)
  if (installed === undefined) throw new Error(`${hint}: the package was installed, the program is not there`)
  return installed
}

export async function findProgram(name: string): Promise<string | undefined> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  for (const folder of folders.filter((each) => each !== '')) {
    const path = join(folder, name)
    try {
      await access(path, constants.X_OK)
      return path
    } catch (error) {
      if (!['ENOENT', 'EACCES', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw error
    }
  }
  return undefined
}

/** Runs to the end; fails with the program's words unless it exits with 0. */
export async function runOrFail(program: string, args: readonly string[]): Promise<string> {
  const { exitCode, output } = await runProgram(program, args, { timeoutMs: 60_000 })
  if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${output.trim()}`)
  return output
}

async function runApt(apt: string, args: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  // Somebody else's apt on this machine is waited for.
  const all = ['-o', 'DPkg::Lock::Timeout=300', '--quiet=2', ...args]
  const { exitCode, output } = await runProgram(apt, all, { env, timeoutMs: installLimitMs })
  if (exitCode !== 0) throw new Error(`apt-get ${all.join(' ')} failed: ${output.trim()}`)
}

/** One installation at a time, whatever number of test runs there are; a lock whose process is gone does not count. */
async function withInstallLock(work: () => Promise<void>): Promise<void> {
  const path = join(tmpdir(), 'panda-test-install.lock')
  const own = `${process.pid} ${processIdentity(process.pid) ?? ''}`
  await waitFor(`another test run's installation (${path})`, async () => takeLock(path, own), installLimitMs)
  try {
    await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function takeLock(path: string, own: string): Promise<boolean> {
  try {
    await writeFile(path, own, { flag: 'wx' })
    return true
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
  try {
    const [pid, identity] = (await readFile(path, 'utf8')).split(' ')
    // Empty: made a moment ago and not yet written.
    if (identity !== undefined && processIdentity(Number(pid)) !== identity) await rm(path, { force: true })
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  return false
}
