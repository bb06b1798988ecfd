import { type CronjobInput, type Imported, ImportError, uniqueName } from './imported.ts'

export interface CrontabOptions {
  /** A crontab runs on the host, a cronjob in a container: this image holds what the lines call. */
  readonly image: string
  /** The zone that the crontab's host lives in; `CRON_TZ` in the file wins. */
  readonly timezone: string
  /** True for /etc/crontab and /etc/cron.d, which have a user behind the five fields. */
  readonly system: boolean
}

/** A crontab has a few lines; what is larger is another file. */
const MAX_BYTES = 1024 * 1024

const ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/
const NICKNAME = /^(@[a-z]+)\s+(.*)$/i

interface Settings {
  timezone: string
  shell: string
  readonly env: Record<string, string>
}

interface Result {
  readonly cronjobs: Record<string, CronjobInput>
  readonly alerts: Record<string, { on: ('failed' | 'lost' | 'recovered')[]; channel: { kind: 'email'; to: string[] } }>
  readonly notes: string[]
}

/**
 * Reads a crontab as crontab(5) of Vixie cron describes it.
 *
 * @throws ImportError when the text is larger than 1 MiB.
 */
export function importCrontab(text: string, options: CrontabOptions): Imported {
  if (Buffer.byteLength(text) > MAX_BYTES) throw new ImportError('the file is larger than 1 MiB: is it a crontab?')
  const settings: Settings = { timezone: options.timezone, shell: '/bin/sh', env: {} }
  const result: Result = { cronjobs: {}, alerts: {}, notes: [] }
  text.split(/\r?\n/).forEach((raw, index) => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) return
    const place = `line ${index + 1}`
    const assignment = ASSIGNMENT.exec(line)
    if (assignment) assign(assignment[1] ?? '', unquote(assignment[2] ?? ''), settings, result, place)
    else addJob(line, place, settings, options, result)
  })
  const { cronjobs, alerts, notes } = result
  return { manifest: { version: 1, cronjobs, ...(Object.keys(alerts).length > 0 ? { alerts } : {}) }, notes }
}

function assign(name: string, value: string, settings: Settings, result: Result, place: string): void {
  switch (name) {
    case 'CRON_TZ':
      settings.timezone = value
      return
    case 'SHELL':
      settings.shell = value
      return
    case 'MAILTO':
      addMailAlert(value, result, place)
      return
    case 'PATH':
    case 'HOME':
    case 'LOGNAME':
      result.notes.push(`${place}: ${name}=${value} is not carried over: the image has its own`)
      return
    default:
      settings.env[name] = value
  }
}

function addMailAlert(value: string, result: Result, place: string): void {
  const to = value
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each.includes('@'))
  if (to.length === 0) {
    result.notes.push(`${place}: MAILTO=${value} is not carried over: it names no mail address`)
    return
  }
  result.alerts['mailto'] = { on: ['failed', 'lost', 'recovered'], channel: { kind: 'email', to } }
  result.notes.push(
    `${place}: MAILTO became the alert "mailto": it writes when a run fails or recovers, not whenever there is output`,
  )
}

interface Entry {
  readonly schedule: string
  readonly command: string
}

function addJob(line: string, place: string, settings: Settings, options: CrontabOptions, result: Result): void {
  const entry = splitEntry(line, options.system, place, result.notes)
  if (!entry) return
  const { command, input } = splitPercent(entry.command)
  if (input !== null) result.notes.push(`${place}: the input behind % is not carried over: a container has none`)
  if (command === '') {
    result.notes.push(`${place}: not carried over: there is no command in "${line}"`)
    return
  }
  const name = uniqueName(nameFrom(command), result.cronjobs)
  result.cronjobs[name] = {
    image: options.image,
    schedule: entry.schedule,
    timezone: settings.timezone,
    entrypoint: [settings.shell, '-c'],
    command: [command],
    ...(Object.keys(settings.env).length > 0 ? { env: { ...settings.env } } : {}),
    // As cron does it: runs may overlap, nothing is caught up, nothing is stopped.
    concurrency: 'allow',
    missed: 'skip',
    timeout: null,
  }
}

function splitEntry(line: string, system: boolean, place: string, notes: string[]): Entry | null {
  const nickname = NICKNAME.exec(line)
  if (nickname?.[1]?.toLowerCase() === '@reboot') {
    notes.push(`${place}: not carried over: @reboot has no time; deploy it as an app, or start it by hand (${line})`)
    return null
  }
  const words = nickname
    ? [nickname[1] ?? '', ...splitWords(nickname[2] ?? '', system ? 1 : 0)]
    : splitWords(line, system ? 6 : 5)
  const fields = nickname ? 1 : 5
  if (words.length < fields + (system ? 2 : 1)) {
    notes.push(`${place}: not carried over: this is no crontab line: ${line}`)
    return null
  }
  if (system)
    notes.push(`${place}: the user "${words[fields]}" is not carried over: the container runs as the image's user`)
  return { schedule: words.slice(0, fields).join(' '), command: words.at(-1) ?? '' }
}

/** The first `count` words one by one, then the rest of the line as it is. */
function splitWords(line: string, count: number): string[] {
  const words: string[] = []
  let rest = line
  while (words.length < count) {
    const match = /^(\S+)\s+/.exec(rest)
    if (!match) break
    words.push(match[1] ?? '')
    rest = rest.slice(match[0].length)
  }
  if (rest !== '') words.push(rest)
  return words
}

/** An unescaped % ends the command, the rest is its standard input; \% is a percent sign. */
function splitPercent(text: string): { command: string; input: string | null } {
  const at = text.search(/(?<!\\)%/)
  const command = (at === -1 ? text : text.slice(0, at)).replaceAll('\\%', '%').trim()
  return { command, input: at === -1 ? null : text.slice(at + 1) }
}

/** The programme's own name: the first word that is neither an assignment nor `cd … &&` nor a wrapper. */
function nameFrom(command: string): string {
  const words = command.replace(/^cd\s+\S+\s*(?:&&|;)\s*/, '').split(/\s+/)
  const wrappers = new Set([
    'nice',
    'ionice',
    'sudo',
    'flock',
    'timeout',
    'env',
    'exec',
    'bash',
    'sh',
    'node',
    'python',
    'python3',
    'php',
  ])
  const word = words.find(
    (each) =>
      /[a-z]/i.test(each) &&
      !each.includes('=') &&
      !each.startsWith('-') &&
      !wrappers.has(each.split('/').at(-1) ?? ''),
  )
  return (
    (word ?? 'job')
      .split('/')
      .at(-1)
      ?.replace(/\.(?:sh|js|mjs|py|php|rb|pl)$/, '') ?? 'job'
  )
}

function unquote(value: string): string {
  const match = /^(["'])(.*)\1$/.exec(value.trim())
  return match ? (match[2] ?? '') : value.trim()
}
