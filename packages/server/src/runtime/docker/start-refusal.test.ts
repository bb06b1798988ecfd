import { describe, expect, it } from 'vitest'
import { startRefusal } from './start-refusal.ts'

const codeOf = (status: number, message: string): string => startRefusal({ status, body: { message } }).code

describe('a start that the engine refuses', () => {
  it.each([
    'dial unix /run/containerd/containerd.sock: connect: connection refused',
    'failed to create shim task: context deadline exceeded: unknown',
    'failed to create task for container: failed to start shim: start failed: io.containerd.runc.v2: timed out: unknown',
    "no available IPv4 addresses on this network's address pools: panda-1-default (f00)",
    'mkdir /var/lib/docker/overlay2/1: no space left on device',
    'failed to start daemon: fork/exec /usr/bin/containerd-shim-runc-v2: resource temporarily unavailable',
    'fork/exec /usr/sbin/runc: cannot allocate memory',
    'open /proc/self/fd: too many open files',
  ])('waits for the engine: %s', (message) => {
    expect(codeOf(500, message)).toBe('engine-away')
  })

  it.each([
    [400, 'OCI runtime create failed: exec: "timeout": executable file not found in $PATH: unknown'],
    [400, 'Minimum memory limit allowed is 6MB'],
    [500, 'OCI runtime create failed: container init was OOM-killed (memory limit too low?): unknown'],
    [500, 'OCI runtime create failed: write memory.limit_in_bytes: device or resource busy: unknown'],
  ])("is the unit's own fault: %i %s", (status, message) => {
    expect(codeOf(status, message)).toBe('start-failed')
  })
})

describe('a port that is in use', () => {
  const port = { address: '127.0.0.1', hostPort: 8080, containerPort: 3000 }

  it.each([
    'driver failed programming external connectivity on endpoint panda-1 (f00): Bind for 127.0.0.1:8080 failed: port is already allocated',
    'driver failed programming external connectivity on endpoint panda-1 (f00): Error starting userland proxy: listen tcp4 127.0.0.1:8080: bind: address already in use',
    'failed to set up container networking: failed to bind host port for 127.0.0.1:8080:172.18.0.2:3000/tcp: address already in use',
    'rootlessport listen tcp 127.0.0.1:8080: bind: address already in use',
  ])('is named as that: %s', (message) => {
    const error = startRefusal({ status: 500, body: { message } }, port)
    expect(error).toMatchObject({
      code: 'port-in-use',
      message: 'port 8080 of 127.0.0.1 is in use by something else on this machine',
      cause: new Error(message),
    })
  })

  it('is not what a unit without a port, or with another trouble, meets', () => {
    expect(codeOf(500, 'socket: address already in use')).toBe('start-failed')
    const other = startRefusal({ status: 500, body: { message: 'cannot assign requested address' } }, port)
    expect(other.code).toBe('start-failed')
  })
})
