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
