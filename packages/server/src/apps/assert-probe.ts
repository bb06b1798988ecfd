import { PandaError, type Probe } from '@pandastack/contract'
import type { RuntimeDriver } from '../runtime/driver.ts'

/**
 * @param path of the probe in what was sent, e.g. `manifest.apps.api.probe`
 * @throws PandaError `exec_unavailable` for a command, where the runtime runs none in an instance
 */
export function assertProbe(
  { name, capabilities }: Pick<RuntimeDriver, 'name' | 'capabilities'>,
  probe: Probe | null | undefined,
  path: string,
): void {
  if (probe?.command === undefined || capabilities.exec !== false) return
  const message = `the runtime "${name}" has no inside of an instance to run the command of a probe in`
  throw new PandaError('exec_unavailable', `${path}.command: ${message}.`, {
    hint: 'Give a probe over HTTP (http://:3000/healthz), or use a container engine.',
    errors: [{ path: `${path}.command`, message }],
  })
}
