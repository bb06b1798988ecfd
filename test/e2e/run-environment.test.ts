import type { Cronjob, EnvVariable, Secret } from '@pandastack/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { createJob, followJob, shell } from './jobs.ts'
import { endWorld, startWorld, type World } from './world.ts'

expectNoChildProcesses()

let world: World

beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => endWorld(world))

describe('variables and secrets', () => {
  const secret = 'correct horse battery staple'

  beforeAll(async () => {
    const { panda, home } = world
    await panda.ok(['env', 'set', 'A=project', 'B=project', 'C=project', 'D=project', 'E=project', 'EMPTY='])
    for (const name of ['B', 'C', 'D', 'E']) {
      await panda.ok(['secret', 'set', `${name}=-`], { stdin: `project secret ${name}\n` })
    }
    await writeFile(join(home.path, 'own.env'), '# of the job\nC=own\nD="own"\nE=own\nF=own\n')
    await writeFile(join(home.path, 'd.txt'), 'own secret D')
    await createJob(
      world,
      'reader',
      'for n in A B C D E F EMPTY; do eval "echo \\"$n: \\$$n\\" | tr a-z A-Z"; done',
      ['--env-file', join(home.path, 'own.env'), '--secret', `D@${join(home.path, 'd.txt')}`, '--secret', 'E=-'],
      { stdin: 'own secret E' },
    )
  })

  it('come from project, project secrets, cronjob, its secrets and the run, the nearest wins', async () => {
    const { stdout } = await followJob(world, 'reader')
    expect(stdout.split('\n')).toEqual([
      'A: PROJECT',
      'B: PROJECT SECRET B',
      'C: OWN',
      'D: OWN SECRET D',
      'E: OWN SECRET E',
      'F: OWN',
      'EMPTY: ',
      '',
    ])
    const run = await followJob(world, 'reader', ['--env', 'A=run', '--env', 'E=run'])
    expect(run.stdout.split('\n').slice(0, 5)).toEqual([
      'A: RUN',
      'B: PROJECT SECRET B',
      'C: OWN',
      'D: OWN SECRET D',
      'E: RUN',
    ])
  })

  it('tell the program which run it is', async () => {
    const { stdout, run } = await followJob(world, 'reader', ['--', 'sh', '-c', 'env | grep ^PANDA_ | sort'])
    expect(stdout.trim().split('\n')).toEqual([
      'PANDA_ATTEMPT=1',
      'PANDA_CRONJOB=reader',
      `PANDA_DUE_AT=${run.dueAt}`,
      'PANDA_PROJECT=default',
      `PANDA_RUN_ID=${run.id}`,
      'PANDA_TRIGGER=manual',
    ])
  })

  it('are gone after unset', async () => {
    const { panda } = world
    await panda.ok(['env', 'unset', 'A', 'EMPTY'])
    await panda.ok(['secret', 'unset', 'B', '--yes'])
    await panda.ok(['secret', 'unset', 'D', '--cronjob', 'reader', '--yes'])
    const { stdout } = await followJob(world, 'reader')
    expect(stdout.split('\n').slice(0, 4)).toEqual(['A: ', 'B: PROJECT', 'C: OWN', 'D: OWN'])
    const cronjob = await panda.json<Cronjob>(['cronjob', 'get', 'reader'])
    expect(cronjob.secrets).toEqual(['E'])
  })

  it('are hidden in logs when they are secrets, in every shape that a program prints', async () => {
    await world.panda.ok(['secret', 'set', 'PHRASE=-'], { stdin: secret })
    const script = [
      'echo "plain $PHRASE."',
      'echo "error $PHRASE" >&2',
      // In two writes, half a second apart.
      'printf "%s" "halves ${PHRASE%battery*}"; sleep 0.5; echo "battery staple."',
      'printf "%s" "$PHRASE" | base64',
      'echo "harmless"',
    ].join('\n')
    await createJob(world, 'leaky', script)
    const { stdout, stderr, run } = await followJob(world, 'leaky')
    expect(stdout.split('\n')).toEqual([
      'plain [redacted].',
      'halves [redacted].',
      expect.stringContaining('[redacted]'),
      'harmless',
      '',
    ])
    expect(stderr).toContain('error [redacted]\n')
    for (const format of [[], ['-o', 'json'], ['--tail', '10']]) {
      const { stdout: out, stderr: err } = await world.panda.run(['run', 'logs', run.id, ...format])
      expect(out + err).not.toContain('horse')
    }
    expect(JSON.stringify(run)).not.toContain('horse')
    expect(world.server.logText()).not.toContain('horse')
  })

  it('are listed without their values', async () => {
    const { items: secrets } = await world.panda.json<{ items: Secret[] }>(['secret', 'list'])
    const owners = secrets.map(({ name, cronjob }) => `${name} of ${cronjob ?? 'the project'}`)
    expect(new Set(owners)).toEqual(
      new Set(['C of the project', 'D of the project', 'E of the project', 'E of reader', 'PHRASE of the project']),
    )
    expect(owners).toHaveLength(5)
    expect(JSON.stringify(secrets)).not.toContain('horse')
    const masked = await world.panda.json<{ items: EnvVariable[] }>(['env', 'list'])
    expect(masked.items.map(({ name }) => name)).toEqual(['B', 'C', 'D', 'E'])
    expect(JSON.stringify(masked.items)).not.toContain('project')
    const shown = await world.panda.json<{ items: EnvVariable[] }>(['env', 'list', '--show'])
    expect(shown.items.map(({ value }) => value)).toEqual(['project', 'project', 'project', 'project'])
  })

  it('stay in their project', async () => {
    const { panda, image } = world
    await panda.ok(['project', 'create', 'shop'])
    const inShop = panda.with({ PANDA_PROJECT: 'shop' })
    await inShop.ok([
      'cronjob',
      'create',
      'reader',
      '--image',
      image,
      '--schedule',
      '@yearly',
      ...shell('echo "C=$C"; echo "$PANDA_PROJECT"'),
    ])
    expect((await inShop.run(['cronjob', 'run', 'reader', '--follow'])).stdout).toBe('C=\nshop\n')
    expect((await panda.json<{ items: Secret[] }>(['secret', 'list', '-p', 'shop'])).items).toEqual([])
  })
})

describe('what a container may do, seen from inside', () => {
  const readings = new Map<string, string>()

  beforeAll(async () => {
    const script = [
      'grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status',
      'echo "memory: $(cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes)"',
      'echo "swap: $(cat /sys/fs/cgroup/memory.swap.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes 2>/dev/null)"',
      'echo "pids: $(cat /sys/fs/cgroup/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids/pids.max)"',
      'echo "core: $(ulimit -c)"',
      'echo "socket: $(ls /var/run/docker.sock /run/docker.sock 2>/dev/null | wc -l)"',
      'echo "init: $(cat /proc/1/comm)"',
      'mount -t tmpfs none /tmp 2>/dev/null && echo "mount: done" || echo "mount: refused"',
      'mknod /tmp/sda b 8 0 2>/dev/null && echo "mknod: done" || echo "mknod: refused"',
      'chown 1 /tmp 2>/dev/null && echo "chown: done" || echo "chown: refused"',
    ].join('\n')
    await createJob(world, 'caged', script, ['--memory', '64Mi', '--cpus', '0.5'])
    const { stdout, stderr, run } = await followJob(world, 'caged')
    expect(run.state, stderr).toBe('succeeded')
    for (const line of stdout.trim().split('\n')) {
      const at = line.indexOf(':')
      readings.set(line.slice(0, at), line.slice(at + 1).trim())
    }
  })

  it('has no capability, and can get none', () => {
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) expect(readings.get(set)).toMatch(/^0+$/)
    expect(readings.get('NoNewPrivs')).toBe('1')
    expect(['mount', 'mknod', 'chown'].map((name) => readings.get(name))).toEqual(['refused', 'refused', 'refused'])
  })

  it('has bounded memory, processes and no core dumps', () => {
    expect(readings.get('memory')).toBe(String(64 * 1024 * 1024))
    // cgroup 1 counts memory and swap together; where swap is not counted at all there is nothing to read.
    expect(['0', String(64 * 1024 * 1024), '']).toContain(readings.get('swap'))
    expect(readings.get('pids')).toBe('512')
    expect(readings.get('core')).toBe('0')
  })

  it("sees neither the engine's socket nor the host's processes, and has an init", () => {
    expect(readings.get('socket')).toBe('0')
    expect(readings.get('init')).toMatch(/init/)
  })

  it('cannot start more processes than it may', async () => {
    const script = 'n=0; while [ $n -lt 700 ]; do sleep 2 & n=$((n+1)); done; wait; echo "all of them"'
    const { run, stdout } = await followJob(world, 'caged', shell(script))
    expect(stdout).not.toContain('all of them')
    expect(run.state).toBe('failed')
  })
})
