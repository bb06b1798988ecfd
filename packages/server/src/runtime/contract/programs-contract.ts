import type { UnitSpec } from '../driver.ts'

/** What a test wants a unit to do. Each harness says how its engine does it. */
export type ProgramRequest =
  | { readonly kind: 'exit'; readonly code: number }
  /** `out 1`, `err 1`, `out 2`, `err 2`, … on stdout and stderr, then exit 0. */
  | { readonly kind: 'lines'; readonly count: number }
  /** `tick 1` … on stdout, one each `everyMs`, then exit 0. */
  | { readonly kind: 'ticks'; readonly count: number; readonly everyMs: number }
  | { readonly kind: 'sleep'; readonly seconds: number }
  /** Prints `ready`, then ignores SIGTERM for 60 s. */
  | { readonly kind: 'ignore-term' }
  /** Prints `ready`; at SIGTERM prints `bye` and exits with the code. */
  | { readonly kind: 'trap-term'; readonly code: number }
  /** Kills itself by the signal. */
  | { readonly kind: 'kill-self'; readonly signal: 'KILL' | 'SEGV' }
  /** Prints the variable's value and a line end. */
  | { readonly kind: 'print-env'; readonly name: string }
  /** Prints each argument on a line of its own; the arguments pass through no shell. */
  | { readonly kind: 'print-args'; readonly args: readonly string[] }
  /** One line of so many `x` (a multiple of 1000) on stdout. */
  | { readonly kind: 'long-line'; readonly bytes: number }
  /** `first`, line end, `unfinished` without a line end. */
  | { readonly kind: 'unfinished-line' }
  /** The bytes 61 ff fe 62 and a line end. */
  | { readonly kind: 'binary' }
  /** The main process takes 400 MB. */
  | { readonly kind: 'memory-hog' }
  /** A child takes 400 MB and is killed for it; the main process exits 0. */
  | { readonly kind: 'child-memory-hog' }
  /** Copies 24 MiB of nothing again and again until it is stopped: at work, and holding them. */
  | { readonly kind: 'busy' }
  /** Prints what the kernel lets it do and see, as `policy-contract.ts` reads it. */
  | { readonly kind: 'report' }
  /** A program that does not exist. */
  | { readonly kind: 'bad-command' }

/** What a test wants to run inside a unit. */
export type ExecProgram =
  /** Copies its input to its output. */
  | { readonly kind: 'cat' }
  /** `to out` on stdout, `to err` on stderr, exit 3. */
  | { readonly kind: 'both' }
  | { readonly kind: 'print-env'; readonly name: string }
  /** Runs for a minute. */
  | { readonly kind: 'long' }
  /** Prints `80x24` and the like, at the start and when its terminal changes. */
  | { readonly kind: 'size' }
  /** A program that does not exist. */
  | { readonly kind: 'missing' }

export function shellExec(program: ExecProgram): readonly string[] {
  switch (program.kind) {
    case 'cat':
      return ['cat']
    case 'both':
      return ['/bin/sh', '-c', 'echo to out; echo to err >&2; exit 3']
    case 'print-env':
      return ['/bin/sh', '-c', `printf '%s\\n' "$${program.name}"`]
    case 'long':
      return ['sleep', '60']
    case 'size':
      // `stty size` says rows and columns.
      return [
        '/bin/sh',
        '-c',
        'while :; do stty size | { read rows columns; echo "${columns}x${rows}"; }; sleep 0.1; done',
      ]
    case 'missing':
      return ['/no/such/program']
  }
}

export type Program = Pick<UnitSpec, 'image' | 'entrypoint' | 'command'>

/** The programs for every engine that has a POSIX shell at `/bin/sh` with the usual tools (busybox will do). */
export function shellProgram(request: ProgramRequest): Pick<UnitSpec, 'entrypoint' | 'command'> {
  if (request.kind === 'bad-command') return { entrypoint: ['/no/such/program'], command: [] }
  if (request.kind === 'print-args') {
    return { entrypoint: ['/bin/sh', '-c', 'printf "%s\\n" "$@"', 'print-args'], command: request.args }
  }
  return { entrypoint: ['/bin/sh', '-c'], command: [script(request)] }
}

type Scripted = Exclude<ProgramRequest, { kind: 'bad-command' | 'print-args' }>

// A `sleep` in the background and `wait`, so that the shell handles the signal at once and not after the sleep.
const NAP = 'while :; do sleep 60 & wait $!; done'

/** Control groups of version 2 first, then of version 1, as seen from inside. */
const REPORT = `
grep -E '^(Cap(Eff|Prm|Bnd)|NoNewPrivs|Seccomp):' /proc/self/status
group() { for file in "$@"; do [ -r "$file" ] && cat "$file" && return; done; echo unknown; }
G=/sys/fs/cgroup
echo "pids: $(group $G/pids.max $G/pids/pids.max)"
echo "memory: $(group $G/memory.max $G/memory/memory.limit_in_bytes)"
echo "cpu: $(group $G/cpu.max $G/cpu/cpu.cfs_quota_us $G/cpu,cpuacct/cpu.cfs_quota_us)"
for ns in pid net ipc uts mnt; do echo "ns-$ns: $(readlink /proc/self/ns/$ns)"; done
for file in /var/run/docker.sock /run/docker.sock /run/podman/podman.sock; do [ -e $file ] && echo "socket: $file"; done
while read -r id parent device root target rest; do echo "mount: $target $root \${rest#* - }"; done < /proc/self/mountinfo
`.trim()

function script(request: Scripted): string {
  switch (request.kind) {
    case 'exit':
      return `exit ${request.code}`
    case 'lines':
      return `i=1; while [ $i -le ${request.count} ]; do echo "out $i"; echo "err $i" >&2; i=$((i+1)); done`
    case 'ticks':
      return `i=1; while [ $i -le ${request.count} ]; do echo "tick $i"; sleep ${request.everyMs / 1000}; i=$((i+1)); done`
    case 'sleep':
      return `exec sleep ${request.seconds}`
    case 'ignore-term':
      return `trap '' TERM; echo ready; sleep 60`
    case 'trap-term':
      return `trap 'echo bye; exit ${request.code}' TERM; echo ready; ${NAP}`
    case 'kill-self':
      return `kill -${request.signal} $$; sleep 5`
    case 'print-env':
      return `printf '%s\\n' "$${request.name}"`
    case 'long-line':
      return `head -c ${request.bytes} /dev/zero | tr '\\0' x; echo`
    case 'unfinished-line':
      return `printf 'first\\nunfinished'`
    case 'binary':
      return `printf 'a\\377\\376b\\n'`
    case 'busy':
      return 'exec dd if=/dev/zero of=/dev/null bs=24M'
    case 'report':
      return REPORT
    case 'memory-hog':
      return 'exec dd if=/dev/zero of=/dev/null bs=400M count=1'
    case 'child-memory-hog':
      return 'dd if=/dev/zero of=/dev/null bs=400M count=1; exit 0'
  }
}
