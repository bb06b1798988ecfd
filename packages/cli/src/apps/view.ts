import type { App, AppDetail, Instance, InstanceEnd, InstanceUsage, Probe, Revision } from '@pandastack/contract'
import { plain } from '../output/clean.ts'
import { paintState } from '../output/style.ts'
import { type Column, renderFields, renderTable } from '../output/table.ts'
import { relative } from '../output/time.ts'
import type { Session } from '../session.ts'
import { cpuWords, memoryOfLimit } from './usage-view.ts'

export function appColumns(session: Session): { columns: Column<App>[]; wideColumns: Column<App>[] } {
  const now = session.io.now()
  return {
    columns: [
      { head: 'NAME', cell: ({ name }) => name },
      { head: 'STATE', cell: ({ state }) => state, paint: (text) => paintState(session.style, text) },
      { head: 'READY', cell: ({ ready, replicas }) => `${ready}/${replicas}` },
      { head: 'RESTARTS', cell: ({ restarts }) => String(restarts) },
      { head: 'REVISION', cell: ({ revision }) => String(revision) },
      { head: 'PORT', cell: ({ spec }) => (spec.port === null ? '-' : machinePort(spec.port)) },
      { head: 'CHANGED', cell: ({ updatedAt }) => relative(updatedAt, now) },
      { head: 'LAST EXIT', cell: ({ lastEnd }) => endWords(lastEnd, now), flexible: true },
      { head: 'IMAGE', cell: ({ spec }) => spec.image, flexible: true },
    ],
    wideColumns: [
      { head: 'COMMAND', cell: ({ spec }) => (spec.command === null ? '-' : JSON.stringify(spec.command)) },
      { head: 'DRAIN', cell: ({ spec }) => spec.drain },
      { head: 'MEMORY', cell: ({ spec }) => spec.memory },
      { head: 'CPUS', cell: ({ spec }) => String(spec.cpus) },
    ],
  }
}

/** `exited with code 3, 5 minutes ago`; `-` when nothing has ended by itself. */
function endWords(end: InstanceEnd | null, now: Date): string {
  return end === null ? '-' : `${plain(end.message)}, ${relative(end.at, now)}`
}

function instanceColumns(session: Session, usage: readonly InstanceUsage[]): Column<Instance>[] {
  const now = session.io.now()
  const used = (id: string, words: (usage: InstanceUsage) => string): string => {
    const found = usage.find((one) => one.id === id)
    return found === undefined ? '-' : words(found)
  }
  return [
    { head: 'INSTANCE', cell: ({ name }) => name },
    { head: 'REVISION', cell: ({ revision }) => String(revision) },
    { head: 'STATE', cell: ({ state }) => state, paint: (text) => paintState(session.style, text) },
    { head: 'READY', cell: ({ ready }) => (ready ? 'yes' : 'no') },
    { head: 'RESTARTS', cell: ({ restarts }) => String(restarts) },
    { head: 'SINCE', cell: ({ startedAt, finishedAt }) => sinceOf(finishedAt ?? startedAt, now) },
    { head: 'CPU', cell: ({ id }) => used(id, cpuWords) },
    { head: 'MEMORY', cell: ({ id }) => used(id, memoryOfLimit) },
    { head: 'EXIT', cell: ({ exitCode }) => (exitCode === null ? '-' : String(exitCode)) },
    { head: 'WHAT', cell: (instance) => whatOf(instance, now), flexible: true },
  ]
}

function sinceOf(time: string | null, now: Date): string {
  return time === null ? '-' : relative(time, now)
}

function whatOf({ phase, message, nextStartAt, lastEnd }: Instance, now: Date): string {
  const next = nextStartAt === null ? '' : `; starts again ${relative(nextStartAt, now)}`
  if (message !== null) return plain(`${message}${next}`)
  return lastEnd === null ? (phase ?? '-') : `${phase ?? '-'}; before it ${endWords(lastEnd, now)}`
}

/** @param usage of its running instances, as far as it is known */
export function appFields(session: Session, app: AppDetail, usage: readonly InstanceUsage[] = []): string {
  const { spec, deploy } = app
  const now = session.io.now()
  const fields = renderFields(
    [
      ['Name', app.name],
      ['Project', app.project],
      ['State', paintState(session.style, app.state)],
      ['Ready', `${app.ready} of ${app.replicas}`],
      ['Last exit', app.lastEnd === null ? null : `${app.lastEnd.instance} ${endWords(app.lastEnd, now)}`],
      ['Revision', `${app.revision} (${deploy.state}, ${relative(deploy.createdAt, now)}${byOf(deploy)})`],
      ['Serves', app.readyRevision === null ? 'no revision yet' : `revision ${app.readyRevision}`],
      ['Trouble', deploy.message === null ? null : plain(deploy.message)],
      ['Image', spec.image],
      ['Digest', deploy.imageDigest],
      ['Entry point', spec.entrypoint === null ? null : plain(JSON.stringify(spec.entrypoint))],
      ['Command', spec.command === null ? "the image's own" : plain(JSON.stringify(spec.command))],
      ['Port', spec.port === null ? null : portWords(spec.port)],
      ['Probe', spec.probe === null ? null : probeWords(spec.probe)],
      ['Env', Object.keys(spec.env).join(', ')],
      ['Limits', `${spec.memory}, ${spec.cpus} CPU, drain ${spec.drain}`],
      ['Drained', drainWords(deploy)],
    ],
    session.style.dim,
  )
  if (app.instances.length === 0) return fields
  const width = session.io.stdout.isTTY === true ? session.io.stdout.columns : undefined
  const table = renderTable(app.instances, instanceColumns(session, usage), { width, paintHead: session.style.dim })
  return `${fields}\n\n${table}`
}

/** `127.0.0.1:8080`, where it is reached. */
export function machinePort(port: string): string {
  return port.slice(0, port.lastIndexOf(':'))
}

function portWords(port: string): string {
  return `${machinePort(port)}, in the container ${port.slice(port.lastIndexOf(':') + 1)}`
}

/** `http://:3000/healthz, every 1s, each within 5s` */
export function probeWords({ http, command, interval, timeout }: Probe): string {
  return `${http ?? plain(JSON.stringify(command))}, every ${interval}, each within ${timeout}`
}

function byOf({ by }: Revision): string {
  return by === null ? '' : `, by ${by}`
}

/** What became of what the replaced instances held; null when none was replaced. */
export function drainWords({ drained }: Revision): string | null {
  const { instances, stopping, finished, handedBack, lost, killed } = drained
  if (instances === 0) return null
  const ended = `${instances - stopping} of ${instances} old instances have ended`
  const left = (lost ?? 0) === 0 ? '' : `, ${lost} lost with them: they come again when their leases end`
  const held = finished === null ? '' : `; ${finished} finished, ${handedBack ?? 0} handed back${left}`
  return `${ended}${held}${killed === 0 ? '' : `; ${killed} had to be killed`}`
}

export function revisionColumns(session: Session): Column<Revision>[] {
  const now = session.io.now()
  return [
    { head: 'REVISION', cell: ({ revision }) => String(revision) },
    { head: 'STATE', cell: ({ state }) => state, paint: (text) => paintState(session.style, text) },
    { head: 'MADE', cell: ({ createdAt }) => relative(createdAt, now) },
    { head: 'BY', cell: ({ by }) => by ?? '-' },
    { head: 'IMAGE', cell: ({ spec }) => spec.image },
    {
      head: 'NOTE',
      cell: ({ rollbackOf, message }) =>
        [rollbackOf === null ? [] : [`as revision ${rollbackOf}`], message === null ? [] : [plain(message)]]
          .flat()
          .join('; ') || '-',
      flexible: true,
    },
  ]
}
