import { UNIT_KINDS, type UnitKind, type UnitLabels } from '../driver.ts'

/** Our words for the engine's labels. `panda.installation` is the one that everything is found by. */
const KEYS = {
  installation: 'panda.installation',
  project: 'panda.project',
  kind: 'panda.kind',
  resource: 'panda.resource',
  run: 'panda.run',
  attempt: 'panda.attempt',
} as const

export function toEngineLabels(labels: UnitLabels): Record<string, string> {
  return Object.fromEntries(Object.entries(KEYS).map(([name, key]) => [key, String(labels[name as keyof UnitLabels])]))
}

/** null: not one of ours, e.g. made by hand with half of our labels. */
export function fromEngineLabels(labels: Readonly<Record<string, string>>): UnitLabels | null {
  const { [KEYS.installation]: installation, [KEYS.project]: project, [KEYS.kind]: kind } = labels
  const { [KEYS.resource]: resource, [KEYS.run]: run, [KEYS.attempt]: attempt } = labels
  if (installation === undefined || project === undefined || resource === undefined || run === undefined) return null
  if (!isUnitKind(kind) || attempt === undefined || !/^\d{1,9}$/.test(attempt)) return null
  return { installation, project, kind, resource, run, attempt: Number(attempt) }
}

function isUnitKind(kind: string | undefined): kind is UnitKind {
  return UNIT_KINDS.some((known) => known === kind)
}

export function installationFilter(installation: string): string {
  return `${KEYS.installation}=${installation}`
}

/** Labels of a project's network. */
export function networkLabels(installation: string, project: string): Record<string, string> {
  return { [KEYS.installation]: installation, [KEYS.project]: project, [KEYS.kind]: 'network' }
}
