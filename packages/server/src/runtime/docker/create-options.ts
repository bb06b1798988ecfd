import type { PublishedPort } from '@pandastack/contract'
import { CONTAINER_POLICY } from '../container-policy.ts'
import type { UnitSpec } from '../driver.ts'
import { toEngineLabels } from './labels.ts'
import type { Quirks } from './quirks.ts'

const NANO = 1_000_000_000

/** The body of a create: the unit's own wishes and the policy table, nothing else. */
export function createOptions(unit: UnitSpec, network: string, quirks: Quirks): object {
  const policy = CONTAINER_POLICY
  return {
    Image: unit.image,
    ...(unit.entrypoint === null ? {} : { Entrypoint: [...unit.entrypoint] }),
    ...(unit.command === null ? {} : { Cmd: [...unit.command] }),
    Env: Object.entries(unit.env).map(([name, value]) => `${name}=${value}`),
    Labels: toEngineLabels(unit.labels),
    Tty: false,
    AttachStdin: false,
    OpenStdin: false,
    ...(unit.port === undefined ? {} : { ExposedPorts: { [portKey(unit.port)]: {} } }),
    StopSignal: 'SIGTERM',
    StopTimeout: Math.ceil(unit.graceMs / 1000),
    HostConfig: {
      NetworkMode: network,
      ...(unit.port === undefined ? {} : { PortBindings: portBindings(unit.port) }),
      Init: policy.init,
      Privileged: policy.privileged,
      CapDrop: [...policy.capDrop],
      CapAdd: [...policy.capAdd],
      SecurityOpt: [...policy.securityOptions],
      PidsLimit: policy.pids,
      Memory: unit.memoryBytes,
      MemorySwap: unit.memoryBytes + policy.extraSwapBytes,
      NanoCpus: Math.round(unit.cpus * NANO),
      IpcMode: 'private',
      Binds: [...policy.mounts],
      Devices: [...policy.devices],
      ...(quirks.keepsOtherUlimits
        ? { Ulimits: [{ Name: 'core', Soft: policy.coreBytes, Hard: policy.coreBytes }] }
        : {}),
      RestartPolicy: { Name: policy.restart },
      AutoRemove: policy.autoRemove,
      ...(quirks.boundsLogFiles ? { LogConfig: logConfig() } : {}),
    },
  }
}

function portKey({ containerPort }: PublishedPort): string {
  return `${containerPort}/tcp`
}

function portBindings(port: PublishedPort): object {
  return { [portKey(port)]: [{ HostIp: port.address, HostPort: String(port.hostPort) }] }
}

/** Always the engine's own files, whatever its default is: a driver that sends logs away cannot be read from. */
function logConfig(): object {
  const { fileBytes, files } = CONTAINER_POLICY.log
  return { Type: 'json-file', Config: { 'max-size': String(fileBytes), 'max-file': String(files), mode: 'blocking' } }
}
