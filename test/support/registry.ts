import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startDaemon } from './daemon.ts'
import { freePort } from './free-port.ts'
import { requireProgram, runOrFail } from './programs.ts'
import { sharedService } from './shared-services.ts'
import { tempDir } from './temp-dir.ts'

export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:port`: engines speak plain HTTP with 127.0.0.0/8. */
  readonly host: string
  stop(): Promise<void>
}

export interface RegistryLogin {
  readonly username: string
  readonly password: string
}

/** The run's open registry, started at the first call. Push under names of your own. */
export async function sharedRegistry(): Promise<{ readonly host: string }> {
  const { host } = await sharedService('registry')
  if (host === undefined) throw new Error('the shared registry told no host')
  return { host }
}

/** A registry for this test alone; with `login` it refuses everybody else. */
export async function startRegistry(options: { login?: RegistryLogin } = {}): Promise<Registry> {
  const program = await requireProgram('docker-registry', 'docker-registry')
  const dir = await tempDir('registry')
  try {
    const host = `127.0.0.1:${await freePort()}`
    const config = join(dir.path, 'config.json')
    await writeFile(config, JSON.stringify(await configuration(dir.path, host, options.login)))
    const daemon = await startDaemon({
      program,
      args: ['serve', config],
      env: { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' },
      logFile: join(dir.path, 'registry.log'),
      ready: async () => isUp(host),
    })
    const stop = async () => {
      await daemon.stop()
      await dir.remove()
    }
    return { host, stop, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await dir.remove()
    throw error
  }
}

/** JSON is YAML, which is what the registry reads. */
async function configuration(folder: string, host: string, login: RegistryLogin | undefined): Promise<object> {
  const base = {
    version: '0.1',
    log: { level: 'warn' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: host, secret: 'of no use to anyone' },
  }
  if (login === undefined) return base
  const path = join(folder, 'htpasswd')
  const htpasswd = await requireProgram('htpasswd', 'apache2-utils')
  await runOrFail(htpasswd, ['-cbB', path, login.username, login.password])
  return { ...base, auth: { htpasswd: { realm: 'tests', path } } }
}

async function isUp(host: string): Promise<boolean> {
  try {
    const { status } = await fetch(`http://${host}/v2/`)
    return status === 200 || status === 401
  } catch {
    // Not listening yet; the caller has a limit and the registry's log.
    return false
  }
}
