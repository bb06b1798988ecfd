import { readlinkSync } from 'node:fs'
import { expect } from 'vitest'
import { CONTAINER_POLICY, POLICY_RULES, type PolicyRule } from '../container-policy.ts'
import { UNIT_KINDS, type UnitKind } from '../driver.ts'
import { exitOf, MEMORY_BYTES, readLogs, runToEnd, type SuiteContext, textOf } from './harness-contract.ts'

/** What a unit says of itself, by name; a name may come more than once. */
type Report = ReadonlyMap<string, readonly string[]>

interface Held {
  readonly report: Report
  readonly kind: UnitKind
  readonly context: SuiteContext
}

const NO_CAPABILITIES = ['0000000000000000']
const NAMESPACES = ['pid', 'net', 'ipc', 'uts', 'mnt'] as const
/** By their types: what the kernel shows, and what is made for this container alone. */
const OWN_FILE_SYSTEMS = /^(?:proc|sysfs|tmpfs|devpts|mqueue|cgroup2?|shm|devtmpfs)$/
/** Files that the engine makes for the container, and its init process. */
const OF_THE_ENGINE = new Set([
  '/etc/resolv.conf',
  '/etc/hostname',
  '/etc/hosts',
  '/sbin/docker-init',
  '/dev/init',
  '/run/podman-init',
  '/run/.containerenv',
  '/run/secrets',
])
const GRACE_MS = 1000
const KILLED = 137

/** One row for each rule: what must be seen where it is kept. */
const CHECKS: Readonly<Record<PolicyRule, (held: Held) => Promise<void> | void>> = {
  'no capabilities': ({ report }) => {
    for (const set of ['CapEff', 'CapPrm', 'CapBnd']) expect([set, report.get(set)]).toEqual([set, NO_CAPABILITIES])
  },
  'no new privileges': ({ report }) => expect(report.get('NoNewPrivs')).toEqual(['1']),
  // 2 = a filter is on; nothing of ours names one, so it is the engine's own.
  'the default seccomp profile': ({ report }) => expect(report.get('Seccomp')).toEqual(['2']),
  'a limit of processes': ({ report }) => expect(report.get('pids')).toEqual([String(CONTAINER_POLICY.pids)]),
  'a limit of memory': ({ report }) => expect(report.get('memory')).toEqual([String(MEMORY_BYTES)]),
  'a limit of CPU': ({ report }) => expect(report.get('cpu')?.[0]).toMatch(/^100000(?: 100000)?$/),
  'a network of its project': ({ report }) => expect(report.get('ns-net')?.[0]).not.toBe(hostNamespace('net')),
  'no namespace of the host': ({ report }) => {
    for (const name of NAMESPACES) {
      expect(report.get(`ns-${name}`)?.[0]).toMatch(new RegExp(`^${name}:\\[\\d+\\]$`))
      expect(report.get(`ns-${name}`)?.[0]).not.toBe(hostNamespace(name))
    }
  },
  'no socket of the engine': ({ report }) => expect(report.get('socket') ?? []).toEqual([]),
  'no folder of the host': ({ report }) => {
    const mounts = report.get('mount') ?? []
    expect(mounts.length).toBeGreaterThan(3)
    expect(mounts.filter((mount) => !isOwnMount(mount))).toEqual([])
  },
  'SIGTERM, the grace, then SIGKILL': async ({ context, kind }) => {
    const unit = ofKind(context, kind, { kind: 'ignore-term' })
    await context.driver.start(unit)
    for await (const chunk of context.driver.logs(unit.name, { after: null, follow: true })) {
      if (chunk.text === 'ready') break
    }
    const began = performance.now()
    await context.driver.stop(unit.name, GRACE_MS)
    expect(performance.now() - began).toBeGreaterThanOrEqual(GRACE_MS * 0.9)
    expect(exitOf(await context.driver.inspect(unit.name)).code).toBe(KILLED)
    await context.driver.remove(unit.name)
  },
}

/** Rule by rule and for each kind of unit: kept, or named as a gap with its reason. */
export const policyTests: Record<string, (context: SuiteContext) => Promise<void>> = Object.fromEntries(
  UNIT_KINDS.flatMap((kind) =>
    POLICY_RULES.map((rule) => [
      `policy of ${kind === 'run' ? 'a run' : 'an instance'}: ${rule}`,
      async (context: SuiteContext) => {
        const gap = context.driver.policyGaps?.[rule]
        if (gap !== undefined) return expect(gap.length).toBeGreaterThan(20)
        await CHECKS[rule]({ context, kind, report: await reportOf(context, kind) })
      },
    ]),
  ),
)

function ofKind(context: SuiteContext, kind: UnitKind, request: Parameters<SuiteContext['unit']>[0]) {
  const unit = context.unit(request)
  return { ...unit, labels: { ...unit.labels, kind } }
}

/** Asked once per suite and kind. */
const reports = new WeakMap<SuiteContext, Map<UnitKind, Promise<Report>>>()

function reportOf(context: SuiteContext, kind: UnitKind): Promise<Report> {
  const known = reports.get(context) ?? new Map<UnitKind, Promise<Report>>()
  reports.set(context, known)
  const report = known.get(kind) ?? readReport(context, kind)
  known.set(kind, report)
  return report
}

async function readReport(context: SuiteContext, kind: UnitKind): Promise<Report> {
  const unit = ofKind(context, kind, { kind: 'report' })
  await runToEnd(context, unit)
  const report = new Map<string, string[]>()
  for (const line of textOf(await readLogs(context.driver, unit.name)).split('\n')) {
    const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) continue
    report.set(name, [...(report.get(name) ?? []), value.trim()])
  }
  await context.driver.remove(unit.name)
  return report
}

/** `target root type source options`, as the report writes it. */
function isOwnMount(mount: string): boolean {
  const [target = '', , type = ''] = mount.split(' ')
  return target === '/' || OWN_FILE_SYSTEMS.test(type) || OF_THE_ENGINE.has(target)
}

function hostNamespace(name: string): string {
  return readlinkSync(`/proc/self/ns/${name}`)
}
