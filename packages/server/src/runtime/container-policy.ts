/**
 * What a container of ours may do: one table for every driver that runs containers, for create and for update alike.
 * There is no way past it: a unit says how much memory and CPU it gets, and nothing else of this.
 */
export interface ContainerPolicy {
  readonly capDrop: readonly string[]
  readonly capAdd: readonly string[]
  readonly privileged: boolean
  /** `no-new-privileges`; the engine's default seccomp profile stays on because nothing here turns it off. */
  readonly securityOptions: readonly string[]
  readonly pids: number
  /** Swap beyond the memory limit, in bytes. */
  readonly extraSwapBytes: number
  readonly coreBytes: number
  /** Host folders, volumes and devices: none, so neither the engine's socket nor the panda home can be mounted. */
  readonly mounts: readonly string[]
  readonly devices: readonly string[]
  /** A small init as process 1: reaps zombies and hands SIGTERM on to programs that set no handler for it. */
  readonly init: boolean
  readonly restart: 'no'
  readonly autoRemove: boolean
  readonly log: { readonly fileBytes: number; readonly files: number }
}

/**
 * The same in words, rule by rule. Every driver is held to each by the suite (contract/policy-contract.ts), for runs and
 * for instances alike; one that it cannot keep it names in its `policyGaps`, with the reason.
 */
export const POLICY_RULES = [
  'no capabilities',
  'no new privileges',
  'the default seccomp profile',
  'a limit of processes',
  'a limit of memory',
  'a limit of CPU',
  'a network of its project',
  'no namespace of the host',
  'no socket of the engine',
  'no folder of the host',
  'SIGTERM, the grace, then SIGKILL',
] as const
export type PolicyRule = (typeof POLICY_RULES)[number]
export type PolicyGaps = Readonly<Partial<Record<PolicyRule, string>>>

const MIB = 1024 * 1024

export const CONTAINER_POLICY: ContainerPolicy = {
  capDrop: ['ALL'],
  capAdd: [],
  privileged: false,
  securityOptions: ['no-new-privileges'],
  pids: 512,
  extraSwapBytes: 0,
  // No limit of our own for open files: an engine without CAP_SYS_RESOURCE (rootless) cannot set one above its own.
  coreBytes: 0,
  mounts: [],
  devices: [],
  init: true,
  restart: 'no',
  // The exit code and the log must outlive the process; the reconciler removes what it has recorded.
  autoRemove: false,
  // A flood fills at most 256 MiB of the host's disk. One file alone holds more than a second of the fastest writer,
  // so the log reader notices that it falls behind before a file that it has not read goes away.
  log: { fileBytes: 64 * MIB, files: 4 },
}
