import { parseAllDocuments } from 'yaml'
import { type CronjobInput, type Imported, ImportError, uniqueName } from './imported.ts'
import { Fields } from './k8s-fields.ts'

const MAX_BYTES = 4 * 1024 * 1024
/** Kubernetes' own defaults, see its CronJob and Job reference. */
const DEFAULT_BACKOFF_LIMIT = 6

/**
 * Reads CronJobs (batch/v1, batch/v1beta1) from a file of one or more YAML documents or a List.
 *
 * @throws ImportError when the text is no YAML or holds no CronJob.
 */
export function importK8sCronjobs(text: string): Imported {
  if (Buffer.byteLength(text) > MAX_BYTES) throw new ImportError('the file is larger than 4 MiB')
  const cronjobs: Record<string, CronjobInput> = {}
  const secrets = new Set<string>()
  const notes: string[] = []
  for (const object of objectsOf(text)) {
    const fields = new Fields(object, '')
    const kind = fields.string('kind') ?? 'nothing'
    if (kind !== 'CronJob') {
      notes.push(`${kind} "${fields.child('metadata').string('name') ?? '?'}" is not carried over: only CronJobs are`)
      continue
    }
    readCronjob(fields, cronjobs, secrets, notes)
  }
  if (Object.keys(cronjobs).length === 0) throw new ImportError('the file holds no CronJob')
  return { manifest: { version: 1, ...(secrets.size > 0 ? { secrets: [...secrets].sort() } : {}), cronjobs }, notes }
}

function objectsOf(text: string): unknown[] {
  const objects: unknown[] = []
  for (const document of parseAllDocuments(text)) {
    if ('errors' in document && document.errors[0])
      throw new ImportError(`the file is no YAML: ${document.errors[0].message}`)
    let value: unknown
    try {
      value = document.toJS({ maxAliasCount: 100 })
    } catch (error) {
      throw new ImportError(`the file is no usable YAML: ${error instanceof Error ? error.message : String(error)}`)
    }
    const items = (value as { kind?: unknown; items?: unknown } | null)?.items
    if (Array.isArray(items)) objects.push(...items)
    else if (value !== null && value !== undefined) objects.push(value)
  }
  return objects
}

function readCronjob(
  root: Fields,
  cronjobs: Record<string, CronjobInput>,
  secrets: Set<string>,
  notes: string[],
): void {
  root.skip('apiVersion', 'status')
  const metadata = root.child('metadata')
  metadata.skip('uid', 'resourceVersion', 'generation', 'creationTimestamp', 'managedFields', 'selfLink')
  const original = metadata.string('name') ?? 'job'
  const name = uniqueName(original, cronjobs)
  const note = (sentence: string): void => void notes.push(`${original}: ${sentence}`)
  if (name !== original) note(`is called "${name}" here`)

  const spec = root.child('spec')
  const job = spec.child('jobTemplate').child('spec')
  const pod = job.child('template').child('spec')
  const container = onlyContainer(pod, note)
  cronjobs[name] = {
    ...scheduleOf(spec),
    ...policiesOf(spec, job, note),
    ...containerOf(container, secrets, note),
  }
  pod.skip('restartPolicy', 'dnsPolicy', 'schedulerName', 'terminationGracePeriodSeconds')
  for (const path of root.unread()) note(`${path} is not carried over`)
}

function scheduleOf(spec: Fields): Pick<CronjobInput, 'schedule' | 'timezone'> {
  const text = spec.string('schedule') ?? ''
  // Undocumented and warned about by Kubernetes, but found in the wild.
  const prefix = /^(?:CRON_)?TZ=(\S+)\s+(.*)$/.exec(text)
  return { schedule: prefix?.[2] ?? text, timezone: spec.string('timeZone') ?? prefix?.[1] ?? 'UTC' }
}

function policiesOf(spec: Fields, job: Fields, note: (sentence: string) => void): Partial<CronjobInput> {
  const concurrency = (spec.string('concurrencyPolicy') ?? 'Allow').toLowerCase()
  const deadline = spec.number('startingDeadlineSeconds')
  const active = job.number('activeDeadlineSeconds')
  if (active !== null)
    note('activeDeadlineSeconds holds for all attempts together, here it became the timeout of each attempt')
  const history = (spec.number('successfulJobsHistoryLimit') ?? 0) + (spec.number('failedJobsHistoryLimit') ?? 0)
  if (history > 0) note('the history limits are not carried over: 1000 runs are kept, set `keep` to change that')
  job.skip('ttlSecondsAfterFinished')
  for (const field of ['parallelism', 'completions']) {
    const count = job.number(field)
    if (count !== null && count !== 1) note(`${field}: ${count} is not carried over: a run is one container`)
  }
  return {
    concurrency: concurrency === 'forbid' || concurrency === 'replace' ? concurrency : 'allow',
    missed: 'last',
    ...(deadline === null ? {} : { deadline: `${deadline}s` }),
    timeout: active === null ? null : `${active}s`,
    retry: {
      attempts: (job.number('backoffLimit') ?? DEFAULT_BACKOFF_LIMIT) + 1,
      backoff: { kind: 'exponential', delay: '10s', max: '6m' },
    },
    suspended: spec.boolean('suspend') ?? false,
  }
}

function onlyContainer(pod: Fields, note: (sentence: string) => void): Fields {
  const [first, ...others] = pod.list('containers')
  for (const other of others)
    note(`container "${other.string('name') ?? '?'}" is not carried over: a run is one container`)
  return first ?? new Fields({}, 'spec.jobTemplate.spec.template.spec.containers[0]')
}

const PULL = { Always: 'always', IfNotPresent: 'missing', Never: 'never' } as const

function containerOf(
  container: Fields,
  secrets: Set<string>,
  note: (sentence: string) => void,
): Pick<CronjobInput, 'image'> & Partial<CronjobInput> {
  container.skip('name', 'terminationMessagePath', 'terminationMessagePolicy')
  const pull = container.string('imagePullPolicy')
  const limits = container.child('resources').child('limits')
  const [memory, cpu] = [limits.scalar('memory'), limits.scalar('cpu')]
  const image = container.string('image') ?? ''
  const [entrypoint, command] = [container.strings('command'), container.strings('args')]
  const env = envOf(container, secrets, note)
  return {
    image,
    ...(entrypoint ? { entrypoint } : {}),
    ...(command ? { command } : {}),
    ...(Object.keys(env).length > 0 ? { env } : {}),
    ...(memory === null ? {} : { memory }),
    ...(cpu === null ? {} : { cpus: cpu.endsWith('m') ? Number(cpu.slice(0, -1)) / 1000 : Number(cpu) }),
    ...(pull !== null && pull in PULL ? { pull: PULL[pull as keyof typeof PULL] } : {}),
  }
}

function envOf(container: Fields, secrets: Set<string>, note: (sentence: string) => void): Record<string, string> {
  const env: Record<string, string> = {}
  for (const variable of container.list('env')) {
    const name = variable.string('name') ?? '?'
    const value = variable.scalar('value')
    const secret = variable.child('valueFrom').child('secretKeyRef')
    const key = secret.string('key')
    if (value !== null) env[name] = value
    else if (key !== null) {
      secrets.add(name)
      note(
        `variable ${name} comes from secret "${secret.string('name') ?? '?'}" key "${key}": set it with \`panda secret set ${name}\``,
      )
    } else if (variable.unread().length === 0) env[name] = ''
  }
  return env
}
