import { isDeepStrictEqual } from 'node:util'
import type { Catalog, LockedType } from './catalog.ts'
import type { Misfit, MisfitKind } from './misfit.ts'
import { misfits } from './misfits.ts'

/** `backward`: new consumers read older events. `forward`: older consumers read new events. `full`: both. */
export const COMPATIBILITY = ['full', 'backward', 'forward'] as const
export type Compatibility = (typeof COMPATIBILITY)[number]

export interface Problem {
  readonly type: string
  /** Stable word for machines. */
  readonly rule: string
  /** Place in the payload; empty = all of it. */
  readonly path: string
  readonly message: string
}

export interface Comparison {
  readonly compatible: boolean
  readonly problems: readonly Problem[]
  readonly added: readonly string[]
  /** Types that differ, compatible or not. */
  readonly changed: readonly string[]
  readonly removed: readonly string[]
}

export function compareCatalogs(before: Catalog, after: Catalog, mode: Compatibility): Comparison {
  const types = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  const problems = types.flatMap((type) => {
    const [old, now] = [before[type], after[type]]
    if (old === undefined) return []
    return now === undefined ? [removed(type)] : compareType(type, old, now, mode)
  })
  return {
    compatible: problems.length === 0,
    problems,
    added: types.filter((type) => before[type] === undefined),
    changed: types.filter((type) => type in before && type in after && !isDeepStrictEqual(before[type], after[type])),
    removed: types.filter((type) => after[type] === undefined),
  }
}

function compareType(type: string, old: LockedType, now: LockedType, mode: Compatibility): Problem[] {
  const lost = readable(old).filter((version) => !readable(now).includes(version))
  const problems: Problem[] = lost.map((version) => ({
    type,
    rule: version === old.version ? 'upgrade_missing' : 'upgrade_removed',
    path: '',
    message: `consumers of version ${now.version} cannot read version ${version}: add upgrade: { ${version}: (old) => … }`,
  }))
  if (now.version < old.version) return [lowered(type, old, now)]
  if (now.version > old.version) return problems
  const [reader, writer] = [rooted(now), rooted(old)]
  const backward = mode === 'forward' ? [] : misfits(reader, writer)
  const forward = mode === 'backward' ? [] : misfits(writer, reader)
  return [...problems, ...together(type, backward, forward)]
}

const key = ({ path, kind }: Misfit) => `${kind} ${path}`

/** What is wrong in both directions at one place is one problem. */
function together(type: string, backward: readonly Misfit[], forward: readonly Misfit[]): Problem[] {
  const both = new Set(backward.map(key).filter((each) => forward.some((misfit) => key(misfit) === each)))
  return [
    ...backward.map((misfit) => problemOf(type, misfit, both.has(key(misfit)) ? 'both' : 'backward')),
    ...forward.filter((misfit) => !both.has(key(misfit))).map((misfit) => problemOf(type, misfit, 'forward')),
  ]
}

const RULES: Readonly<Record<MisfitKind, readonly [backward: string, forward: string, both: string]>> = {
  required: ['required_added', 'required_removed', 'required_changed'],
  type: ['type_narrowed', 'type_widened', 'type_changed'],
  value: ['value_removed', 'value_added', 'values_changed'],
  constraint: ['constraint_tightened', 'constraint_loosened', 'constraint_changed'],
  closed: ['property_refused', 'property_added', 'properties_changed'],
  unclear: ['cannot_compare', 'cannot_compare', 'cannot_compare'],
}
const WHO = {
  backward: 'new consumers refuse older events',
  forward: 'older consumers refuse new events',
  both: 'neither side reads what the other writes',
} as const

function problemOf(type: string, { kind, path, what }: Misfit, direction: keyof typeof WHO): Problem {
  const rule = RULES[kind][direction === 'backward' ? 0 : direction === 'forward' ? 1 : 2]
  return { type, rule, path, message: `${WHO[direction]}: ${path === '' ? 'the payload' : path}: ${what}` }
}

function readable({ version, upgradesFrom }: LockedType): readonly number[] {
  return [...upgradesFrom, version]
}

function rooted({ schema }: LockedType) {
  return { schema, root: schema }
}

function removed(type: string): Problem {
  const message = 'events of it that still wait, or are published by older applications, become dead letters'
  return { type, rule: 'type_removed', path: '', message }
}

function lowered(type: string, old: LockedType, now: LockedType): Problem {
  const message = `version ${now.version} came before version ${old.version}, which was published already`
  return { type, rule: 'version_lowered', path: '', message }
}
