import { describe, expect, it } from 'vitest'
import { CONTAINER_POLICY } from '../container-policy.ts'
import type { UnitSpec } from '../driver.ts'
import { createOptions } from './create-options.ts'
import { fromEngineLabels, toEngineLabels } from './labels.ts'
import { networkName } from './networks.ts'
import { quirksOf } from './quirks.ts'

const UNIT: UnitSpec = {
  name: 'panda-run-1-1',
  labels: { installation: 'i', project: 'default', kind: 'run', resource: 'digest', run: 'run_1', attempt: 1 },
  image: 'sha256:abc',
  entrypoint: null,
  command: ['a b', '$HOME'],
  env: { A: 'x=y\nz', EMPTY: '' },
  memoryBytes: 1024,
  cpus: 1.5,
  graceMs: 1500,
}
const DOCKER = quirksOf(['Engine', 'containerd'])
const PODMAN = quirksOf(['Podman Engine', 'Conmon'])

describe('createOptions', () => {
  const body = createOptions(UNIT, 'net', DOCKER)

  it.each([
    ['HostConfig.CapDrop', ['ALL']],
    ['HostConfig.CapAdd', []],
    ['HostConfig.Privileged', false],
    ['HostConfig.SecurityOpt', ['no-new-privileges']],
    ['HostConfig.PidsLimit', 512],
    ['HostConfig.Memory', 1024],
    ['HostConfig.MemorySwap', 1024],
    ['HostConfig.NanoCpus', 1_500_000_000],
    ['HostConfig.NetworkMode', 'net'],
    ['HostConfig.IpcMode', 'private'],
    ['HostConfig.Binds', []],
    ['HostConfig.Devices', []],
    ['HostConfig.RestartPolicy', { Name: 'no' }],
    ['HostConfig.AutoRemove', false],
    ['HostConfig.Init', true],
    ['HostConfig.Ulimits', [{ Name: 'core', Soft: 0, Hard: 0 }]],
    ['HostConfig.LogConfig.Type', 'json-file'],
    ['HostConfig.LogConfig.Config.max-file', String(CONTAINER_POLICY.log.files)],
    ['Tty', false],
    ['OpenStdin', false],
    ['StopSignal', 'SIGTERM'],
    ['StopTimeout', 2],
    ['Cmd', ['a b', '$HOME']],
    ['Env', ['A=x=y\nz', 'EMPTY=']],
  ])('sets %s', (path, value) => {
    expect(body).toHaveProperty(path, value)
  })

  it('sets nothing that opens the host', () => {
    const { HostConfig } = body as { HostConfig: object }
    for (const name of [
      'PidMode',
      'UTSMode',
      'UsernsMode',
      'Mounts',
      'VolumesFrom',
      'CgroupParent',
      'Runtime',
      'PortBindings',
    ]) {
      expect(HostConfig).not.toHaveProperty(name)
    }
    expect(JSON.stringify(body)).not.toMatch(/unconfined|docker\.sock|"host"/)
  })

  it('leaves the image’s own entrypoint and command unless they are given', () => {
    expect(body).not.toHaveProperty('Entrypoint')
    const bare = createOptions({ ...UNIT, command: null, entrypoint: [] }, 'net', DOCKER)
    expect(bare).not.toHaveProperty('Cmd')
    expect(bare).toHaveProperty('Entrypoint', [])
  })

  it('leaves to Podman what it would get wrong', () => {
    const { HostConfig } = createOptions(UNIT, 'net', PODMAN) as { HostConfig: object }
    expect(HostConfig).not.toHaveProperty('Ulimits')
    expect(HostConfig).not.toHaveProperty('LogConfig')
    expect(HostConfig).toMatchObject({ CapDrop: ['ALL'], PidsLimit: 512, Privileged: false })
  })
})

describe('labels', () => {
  it('come back as they went', () => {
    expect(fromEngineLabels(toEngineLabels(UNIT.labels))).toEqual(UNIT.labels)
  })

  it('of somebody else are no unit', () => {
    const labels = toEngineLabels(UNIT.labels)
    expect(fromEngineLabels({})).toBeNull()
    expect(fromEngineLabels({ ...labels, 'panda.kind': 'network' })).toBeNull()
    expect(fromEngineLabels({ ...labels, 'panda.attempt': '-1' })).toBeNull()
  })
})

describe('networkName', () => {
  it('differs by installation and by project', () => {
    const names = [networkName('a', 'x'), networkName('a', 'y'), networkName('b', 'x'), networkName('a', 'x')]
    expect(new Set(names).size).toBe(3)
    expect(names[0]).toMatch(/^panda-[0-9a-f]{10}-x$/)
  })
})

describe('quirksOf', () => {
  it.each([
    [DOCKER, 409, 'Conflict. The container name "/x" is already in use', true],
    [DOCKER, 500, 'name is already in use', false],
    [PODMAN, 500, 'creating container storage: the container name "x" is already in use by 1f', true],
    [PODMAN, 500, 'something else', false],
  ])('knows a taken name of %#', (quirks, status, message, taken) => {
    expect(quirks.nameTaken(status, message)).toBe(taken)
  })
})

describe('a published port', () => {
  it('is bound to its address of the machine, and nothing else is', () => {
    const port = { address: '127.0.0.1', hostPort: 8080, containerPort: 3000 }
    expect(createOptions({ ...UNIT, port }, 'net', DOCKER)).toMatchObject({
      ExposedPorts: { '3000/tcp': {} },
      HostConfig: { PortBindings: { '3000/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }] } },
    })
  })

  it('is none by default', () => {
    const body = JSON.stringify(createOptions(UNIT, 'net', DOCKER))
    expect(body).not.toMatch(/ExposedPorts|PortBindings|PublishAllPorts/)
  })
})
