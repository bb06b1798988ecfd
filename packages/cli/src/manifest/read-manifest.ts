import {
  alertSpecSchema,
  cronjobSpecSchema,
  type Manifest,
  manifestAppSchema,
  manifestSchema,
  retrySchema,
} from '@pandastack/contract'
import { assertFires, assertTimeZone, parseSchedule, ScheduleError } from '@pandastack/sdk/schedule'
import { LineCounter, parseDocument } from 'yaml'
import { didYouMean } from '../suggest.ts'

/** One thing that is wrong with the file. */
export interface ManifestProblem {
  readonly path: string
  /** 1-based; null when the place is not in the file. */
  readonly line: number | null
  readonly message: string
}

export type ReadManifest =
  | { readonly ok: true; readonly manifest: Manifest }
  | { readonly ok: false; readonly problems: readonly ManifestProblem[] }

const MAX_BYTES = 1024 * 1024
const REFERENCE = /\$(\$?)\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g

/**
 * Reads `panda.yaml`: YAML 1.2 or JSON, `${NAME}` and `${NAME:-default}` from the environment (`$${` is a plain `${`),
 * every field checked, schedules and zones by the evaluator that the server uses. Needs no server.
 */
export function readManifest(text: string, environment: Readonly<Record<string, string | undefined>>): ReadManifest {
  if (Buffer.byteLength(text) > MAX_BYTES)
    return fail([{ path: '', line: null, message: 'the file is larger than 1 MiB' }])
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, stringKeys: true })
  if (document.errors.length > 0) {
    return fail(
      document.errors.map((error) => ({
        path: '',
        line: lines.linePos(error.pos[0]).line,
        message: error.message.split('\n')[0] ?? '',
      })),
    )
  }
  const lineOf = (path: readonly PropertyKey[]): number | null => {
    for (let length = path.length; length > 0; length--) {
      const node: unknown = document.getIn(path.slice(0, length), true)
      const range = (node as { range?: [number, number, number] | null } | null | undefined)?.range
      if (range) return lines.linePos(range[0]).line
    }
    return null
  }
  const problems: ManifestProblem[] = []
  const add = (path: readonly PropertyKey[], message: string): void =>
    void problems.push({ path: path.map(String).join('.'), line: lineOf(path), message })

  let raw: unknown
  try {
    raw = document.toJS({ maxAliasCount: 100 }) ?? {}
  } catch (error) {
    return fail([{ path: '', line: null, message: error instanceof Error ? error.message : String(error) }])
  }
  const parsed = manifestSchema.safeParse(substitute(raw, environment, [], add))
  for (const issue of parsed.error?.issues ?? []) {
    // Placed at the field itself, not at what it stands in.
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) add([...issue.path, key], unknownField(issue.path, key))
    } else add(issue.path, issue.message)
  }
  if (parsed.success) checkSchedules(parsed.data, add)
  return parsed.success && problems.length === 0 ? { ok: true, manifest: parsed.data } : fail(problems)
}

type Add = (path: readonly PropertyKey[], message: string) => void

function unknownField(path: readonly PropertyKey[], key: string): string {
  const [kind, , inner] = path
  const of = { cronjobs: cronjobSpecSchema.shape, apps: manifestAppSchema.shape, alerts: alertSpecSchema.shape }
  const outer = kind === 'cronjobs' || kind === 'apps' || kind === 'alerts' ? of[kind] : manifestSchema.shape
  const known = inner === 'retry' && path.length === 3 ? retrySchema.shape : path.length > 2 ? {} : outer
  const near = didYouMean(key, Object.keys(known))
  return near === undefined ? 'there is no such field' : `there is no such field. ${near}`
}

function fail(problems: readonly ManifestProblem[]): ReadManifest {
  return { ok: false, problems }
}

function substitute(
  value: unknown,
  environment: Readonly<Record<string, string | undefined>>,
  path: readonly PropertyKey[],
  add: Add,
): unknown {
  if (typeof value === 'string') {
    return value.replace(REFERENCE, (whole, escaped: string, name: string, fallback: string | undefined) => {
      if (escaped === '$') return whole.slice(1)
      const found = environment[name] ?? fallback
      if (found === undefined) add(path, `the variable ${name} is not set; set it, or write \${${name}:-default}`)
      return found ?? ''
    })
  }
  if (Array.isArray(value)) return value.map((each, index) => substitute(each, environment, [...path, index], add))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, substitute(each, environment, [...path, key], add)]),
  )
}

function checkSchedules(manifest: Manifest, add: Add): void {
  for (const [name, { schedule, timezone }] of Object.entries(manifest.cronjobs)) {
    check(() => assertFires(parseSchedule(schedule)), ['cronjobs', name, 'schedule'], add)
    check(() => assertTimeZone(timezone), ['cronjobs', name, 'timezone'], add)
  }
}

function check(act: () => unknown, path: readonly PropertyKey[], add: Add): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error
    add(path, error.message)
  }
}
