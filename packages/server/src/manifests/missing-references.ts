import { type Manifest, type MissingReference, PandaError } from '@pandastack/contract'
import type { ProjectState } from './project-state.ts'

/**
 * What the manifest refers to and neither it nor the project has: secrets, variables, and what alerts are for; pure.
 * With `prune` what the project alone has does not count for an alert: it is about to be deleted.
 */
export function missingReferences(
  manifest: Manifest,
  current: ProjectState,
  { project, prune }: { readonly project: string; readonly prune: boolean },
): MissingReference[] {
  const missing: MissingReference[] = []
  manifest.secrets.forEach((name, index) => {
    if (current.secrets.has(name)) return
    const hint = `panda secret set ${name} --project ${project}`
    missing.push({ path: `secrets.${index}`, message: `the secret ${name} is not set`, hint })
  })
  manifest.requires.forEach((name, index) => {
    if ([manifest.env, current.env].some((env) => Object.hasOwn(env, name)) || current.secrets.has(name)) return
    const hint = `panda env set ${name}=… --project ${project}`
    missing.push({ path: `requires.${index}`, message: `the variable ${name} is not set`, hint })
  })
  for (const [alert, { cronjob, app }] of Object.entries(manifest.alerts)) {
    const subjects = [
      { kind: 'cronjob', name: cronjob, file: manifest.cronjobs, there: current.cronjobs },
      { kind: 'app', name: app, file: manifest.apps, there: current.apps },
    ] as const
    for (const { kind, name, file, there } of subjects) {
      if (name === null || Object.hasOwn(file, name) || (!prune && there.has(name))) continue
      const message = `the alert ${alert} is for the ${kind} "${name}", which neither the file nor the project has`
      const deleted = `the alert ${alert} is for the ${kind} "${name}", which --prune deletes`
      const hint = `Add it under ${kind}s:, or correct alerts.${alert}.${kind}.`
      missing.push({ path: `alerts.${alert}.${kind}`, message: there.has(name) ? deleted : message, hint })
    }
  }
  return missing
}

/** Refuses the whole file, by the name of each thing that is missing. */
export function referenceMissing(missing: readonly MissingReference[]): PandaError {
  const what = missing.map(({ message }) => message).join('; ')
  return new PandaError('reference_missing', `Nothing was changed: ${what}.`, {
    hint: missing.map(({ hint }) => hint).join('; '),
    errors: missing.map(({ path, message }) => ({ path: `manifest.${path}`, message })),
  })
}
