import type { Writable } from 'node:stream'
import type { PublishedPort, PullPolicy, TerminalSize } from '@pandastack/contract'
import type { PolicyGaps } from './container-policy.ts'

/**
 * The seam to whatever runs containers. Our words only; differences are capability flags. Names are ours and
 * deterministic: they are the idempotency key of a start. Every call takes an AbortSignal; an aborted call rejects with
 * the signal's reason. Errors are {@link RuntimeError}; anything else is a bug.
 */
export interface RuntimeDriver {
  readonly name: 'docker' | 'process' | 'fake'
  readonly capabilities: Capabilities
  /** Rules of the container policy that this driver cannot keep, and why. Absent: it keeps all. */
  readonly policyGaps?: PolicyGaps
  /** Where the engine is expected, also while it does not answer. Absent where that is no place. */
  readonly address?: string

  /** Who answers. @throws RuntimeError `engine-away`. */
  info(signal?: AbortSignal): Promise<EngineInfo>

  /** Makes the image present by the policy. @throws RuntimeError `image-not-found`, `registry-refused`, `registry-away`, `engine-away`. */
  ensureImage(image: string, options: EnsureImageOptions): Promise<EnsuredImage>

  /**
   * Creates and starts a unit. If one of this name exists already it is taken over instead: created → started,
   * running or exited → left as it is (`adopted: true`). So a start that is repeated after a crash starts once.
   * @param mayGoOn asked right before each step that creates or starts something; when it rejects, the start does no
   * further step and rejects with the same
   * @throws RuntimeError `start-failed` (bad command), `port-in-use` (both leave nothing behind), `image-not-found`, `engine-away` (also
   * when the unit was removed by somebody else meanwhile: whoever still has the run may ask again).
   */
  start(unit: UnitSpec, signal?: AbortSignal, mayGoOn?: MayGoOn): Promise<{ adopted: boolean }>

  /** null = there is no such unit. */
  inspect(name: string, signal?: AbortSignal): Promise<UnitStatus | null>

  /** Resolves when the unit has exited; null = it is gone. Survives short absences of the engine. */
  wait(name: string, signal?: AbortSignal): Promise<UnitStatus | null>

  /** All units of this installation, whatever their state. */
  list(installation: string, signal?: AbortSignal): Promise<UnitSummary[]>

  /**
   * The unit's output from behind the cursor (null = from the start) to its end; with `follow` until it exits. Read
   * again from any cursor it yields exactly the rest: nothing twice, nothing left out. Order holds within a stream.
   */
  logs(name: string, options: LogOptions): AsyncIterable<LogChunk>

  /**
   * Where this process reaches a TCP port of a running unit. Whether anything listens there is another question.
   * @param published what the unit publishes
   * @returns null = it is not there, or does not run
   */
  addressOf(
    name: string,
    port: number,
    published: PublishedPort | null,
    signal?: AbortSignal,
  ): Promise<UnitAddress | null>

  /** SIGTERM, after the grace SIGKILL; resolves when it has exited. A unit that is gone or exited is no error. */
  stop(name: string, graceMs: number, signal?: AbortSignal): Promise<void>

  /** Removes the unit and what it wrote, running or not. Gone already is no error. */
  remove(name: string, signal?: AbortSignal): Promise<void>

  /**
   * Runs a command beside the unit's own, as the same user, with its variables, in its working folder, under the same
   * limits and policy. Not a word of it is logged or kept.
   * @param signal ends the conversation: input ends (with a terminal after Ctrl-C and Ctrl-D) and so does output, by the
   * signal's reason. A program that heeds neither goes on until its unit ends: engines know no way to stop it.
   * @throws ExecRefusal; RuntimeError `engine-away`
   */
  exec(name: string, request: ExecRequest, signal?: AbortSignal): Promise<RunningExec>

  /**
   * What these units use at this moment, measured now: nothing is sampled while nobody asks. One that does not run, or is
   * not there, is left out. @throws RuntimeError `engine-away`
   */
  usage(names: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, UnitUsage>>

  /** Wake-ups only (a unit of this installation exited); may miss some: `list` is the truth. */
  watch(installation: string, signal: AbortSignal): AsyncIterable<{ name: string }>

  /**
   * How a project's units reach a port that this machine opens for them; makes the project's network unless it is there.
   * Absent where no unit does anything real. @throws RuntimeError `engine-away`, `start-failed`
   */
  hostAccess?(owner: UnitOwner, signal?: AbortSignal): Promise<HostAccess>

  /**
   * Removes what the engine keeps per project (networks) and no unit uses at this moment; a start that needs it makes it
   * anew. Absent where there is nothing of the kind. @returns how many.
   */
  cleanNetworks?(installation: string, signal?: AbortSignal): Promise<number>

  close(): Promise<void>
}

export type UnitOwner = Pick<UnitLabels, 'installation' | 'project'>

export type HostAccess =
  /** Under this address of this machine, which the units of other projects may reach as well; they come from this subnet (CIDR). */
  | { readonly kind: 'address'; readonly host: string; readonly subnet: string }
  /** Not at all; `why` is for people. */
  | { readonly kind: 'none'; readonly why: string }

/** Rejects when the unit is not ours to start any more; undefined = it is, without a doubt. */
export type MayGoOn = () => Promise<void> | undefined

export interface Capabilities {
  /** Units are apart from the host and from each other. Default true; `process` has none. */
  readonly isolation: boolean
  /** Units go on, with their logs, while our process is dead. Default true. */
  readonly survivesServer: boolean
  /** An out-of-memory kill of a child process is seen. Default true. Podman on cgroup v1: false. */
  readonly reportsOutOfMemory: boolean
  /** Smallest step of log times in milliseconds. Default under 1; Podman 1000. */
  readonly logTimeResolutionMs: number
  /** Images are pulled. Default true; `process` runs what is on the host. */
  readonly images: boolean
  /**
   * A command that does not exist is refused by `start`. Default true. With an init process in the container (Docker)
   * it is found out inside: the unit exits with 127 and says why on stderr.
   */
  readonly checksCommand?: boolean
  /**
   * A port of the unit is published by the engine, which refuses a second one. Default true. `process`: a unit has no
   * ports of its own; it is told by `PORT` to listen at the machine's.
   */
  readonly publishesPorts?: boolean
  /** Commands can be run in a unit. Default true; `process` cannot. */
  readonly exec?: boolean
}

export interface ExecRequest {
  readonly command: readonly string[]
  /** A terminal of this size; null = none: stdout and stderr stay apart. */
  readonly tty: TerminalSize | null
}

export interface ExecOutput {
  /** With a terminal everything is stdout. */
  readonly stream: 'stdout' | 'stderr'
  readonly bytes: Buffer
}

/** A command in a unit, from its start on. */
export interface RunningExec {
  /** Its standard input: to be ended, or it may wait for ever. Once the command has ended it takes and drops the rest. */
  readonly input: Writable
  /** Ends with the command. Read once, no faster than it is read from. */
  readonly output: AsyncIterable<ExecOutput>
  /** Without a terminal, or when the command has ended, nothing happens. */
  resize(size: TerminalSize): Promise<void>
  /**
   * After the output's end. A command that is not there: 127, one that may not be run: 126, and the reason in the output.
   * null = nobody knows, as the unit is gone.
   */
  exitCode(): Promise<number | null>
}

export interface UnitUsage {
  /** Without the pages of files that the kernel drops when it needs room, where the engine tells them apart. */
  readonly memoryBytes: number | null
  /** The limit in force; null = none that is known. */
  readonly memoryLimitBytes: number | null
  /** CPU time of all its processes since it started. Two of them and the time between say how busy it is. */
  readonly cpuNanoseconds: number | null
  /** When it was measured, by the clock of whoever did; milliseconds since the epoch. */
  readonly atMs: number
  /** Why one of the three is null, for people; absent = nothing is missing. */
  readonly why?: string
}

export interface EngineInfo {
  /** Stable over restarts: two servers with the same id see the same units. */
  readonly id: string
  /** For people: `Docker 20.10.24`. */
  readonly version: string
  readonly address: string
  /** What the user must know, e.g. that `process` isolates nothing. */
  readonly warning: string | null
}

export interface RegistryAuth {
  readonly username: string
  readonly password: string
}

export interface EnsureImageOptions {
  readonly pull: PullPolicy
  readonly auth: RegistryAuth | null
  readonly onProgress?: (line: string) => void
  readonly signal?: AbortSignal
}

export interface EnsuredImage {
  /** What `start` is to be given: pinned by digest or image id, so that a tag that moves meanwhile changes nothing. */
  readonly image: string
  /** `sha256:…` of the manifest, or of the image itself when it was never pulled; null where there are no images. */
  readonly digest: string | null
}

export const UNIT_KINDS = ['run', 'app'] as const
export type UnitKind = (typeof UNIT_KINDS)[number]

export interface UnitLabels {
  readonly installation: string
  readonly project: string
  /** A run of a cronjob, or an instance of an app. */
  readonly kind: UnitKind
  readonly resource: string
  readonly run: string
  readonly attempt: number
}

export interface UnitSpec {
  readonly name: string
  readonly labels: UnitLabels
  readonly image: string
  readonly entrypoint: readonly string[] | null
  readonly command: readonly string[] | null
  readonly env: Readonly<Record<string, string>>
  readonly memoryBytes: number
  readonly cpus: number
  /** Own network per project: its name is made from installation and project by the driver. */
  readonly graceMs: number
  /** TCP. Absent = none. */
  readonly port?: PublishedPort
}

export type UnitStatus =
  | { readonly state: 'created' }
  | { readonly state: 'running'; readonly startedAt: Date }
  | { readonly state: 'exited'; readonly exit: UnitExit }

/** How a unit ended. `lost`: the engine cannot say, e.g. it was killed itself and recorded its own code. */
export type UnitExit =
  | {
      readonly kind: 'exited'
      readonly code: number
      readonly outOfMemory: boolean
      readonly startedAt: Date | null
      readonly finishedAt: Date | null
    }
  | { readonly kind: 'lost'; readonly detail: string }

export interface UnitAddress {
  readonly host: string
  readonly port: number
  /** It is the container's own: where the engine runs in a virtual machine, or rootless, nobody outside reaches it. */
  readonly onlyOnLinux?: true
}

export interface UnitSummary {
  readonly name: string
  readonly labels: UnitLabels
  readonly state: UnitStatus['state']
}

export interface LogOptions {
  readonly after: string | null
  readonly follow: boolean
  readonly signal?: AbortSignal
}

export interface LogChunk {
  readonly stream: 'stdout' | 'stderr'
  readonly time: Date
  /** A line, or a part of one when it is very long. UTF-8, broken bytes replaced. Without the line end. */
  readonly text: string
  /** True when the line ends here. */
  readonly endOfLine: boolean
  /** Where to go on from; opaque. */
  readonly cursor: string
  /** Output before this chunk is gone for good: the engine's bounded log was overtaken. Show it, never hide it. */
  readonly gapBefore?: true
}

export type RuntimeErrorCode =
  | 'engine-away'
  | 'image-not-found'
  | 'registry-refused'
  | 'registry-away'
  | 'start-failed'
  | 'port-in-use'

/** What an engine or registry refused, in its own words. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError'
  readonly code: RuntimeErrorCode

  constructor(code: RuntimeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Why no command can be run in a unit: there is none of this name that runs, or the runtime cannot do it at all. */
export class ExecRefusal extends Error {
  override readonly name = 'ExecRefusal'
  readonly code: 'not-running' | 'unavailable'

  constructor(code: ExecRefusal['code'], message: string) {
    super(message)
    this.code = code
  }
}

export function portInUse({ address, hostPort }: PublishedPort, options?: ErrorOptions): RuntimeError {
  const message = `port ${hostPort} of ${address} is in use by something else on this machine`
  return new RuntimeError('port-in-use', message, options)
}

/** `panda-<id of run or instance>-<attempt>`: one name for one attempt, on every engine. */
export function unitName(run: string, attempt: number): string {
  return `panda-${run.replace('_', '-')}-${attempt}`
}

/** The run or instance of a unit's name; null when the name is not one of ours. */
export function runOfUnit(unit: string): string | null {
  const match = /^panda-(run|ins)-([0-9a-f]+)-\d+$/.exec(unit)
  return match ? `${match[1]}_${match[2]}` : null
}
