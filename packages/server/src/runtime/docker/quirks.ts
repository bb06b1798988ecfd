/** Where engines behind the same API differ. Measured on Docker 20.10.24 and Podman 4.3.1. */
export interface Quirks {
  readonly engine: 'Docker' | 'Podman'
  /** Status of a create whose name is taken, and what its message says. */
  readonly nameTaken: (status: number, message: string) => boolean
  /** Smallest step of log times. With whole seconds a cursor counts lines instead. */
  readonly logTimeResolutionMs: number
  readonly logCursor: 'time' | 'count'
  /** An out-of-memory kill of any process of the unit is recorded. */
  readonly reportsOutOfMemory: boolean
  /** A command that is not there is refused at the start, and not found out by the init process inside. */
  readonly checksCommand: boolean
  /** The engine stops its containers when it stops itself, and its records do not say that it did. */
  readonly stopsContainersOnRestart: boolean
  /** Log options of the engine's file driver that bound the log. */
  readonly boundsLogFiles: boolean
  /** A limit that is set keeps the engine's own defaults for the others. Podman loses the configured ones. */
  readonly keepsOtherUlimits: boolean
  /** Local images are named with this in front. */
  readonly localImagePrefix: string
}

const DOCKER: Quirks = {
  engine: 'Docker',
  nameTaken: (status) => status === 409,
  logTimeResolutionMs: 0.001,
  logCursor: 'time',
  reportsOutOfMemory: true,
  checksCommand: false,
  stopsContainersOnRestart: true,
  boundsLogFiles: true,
  keepsOtherUlimits: true,
  localImagePrefix: '',
}

const PODMAN: Quirks = {
  engine: 'Podman',
  nameTaken: (status, message) => (status === 409 || status === 500) && /name .*is(?: already)? in use/i.test(message),
  logTimeResolutionMs: 1000,
  logCursor: 'count',
  reportsOutOfMemory: false,
  checksCommand: false,
  stopsContainersOnRestart: false,
  boundsLogFiles: false,
  keepsOtherUlimits: false,
  localImagePrefix: 'localhost/',
}

/** @param components the names of the parts in the engine's answer to `/version`. */
export function quirksOf(components: readonly string[]): Quirks {
  return components.some((name) => /podman/i.test(name)) ? PODMAN : DOCKER
}
