import type { ApplyResult, Change } from '@pandastack/contract'
import { awaitAppsOf } from '../../apps/await-applied.ts'
import { defineCommand, flag, text } from '../../command.ts'
import { CliError } from '../../errors.ts'
import { EXIT } from '../../exit-codes.ts'
import { plain } from '../../output/clean.ts'
import { show } from '../../output/show.ts'
import type { Session } from '../../session.ts'
import { loadManifest } from './load-file.ts'

export const command = defineCommand({
  args: {},
  options: {
    file: text('FILE', 'The manifest, - for standard input; default panda.yaml', { short: 'f' }),
    dryRun: flag('Show what would change, change nothing'),
    prune: flag('Also delete what the file does not name; apps are drained'),
    noWait: flag('Do not wait until the deployed apps are ready'),
    detailedExitcode: flag('With --dry-run: exit code 2 when something would change'),
  },
  details: [
    'Makes the project look as the file says, all or nothing. Without --prune nothing is ever deleted. Refused when',
    'a secret or variable that the file names is not set. Waits until the apps are ready; exit code 5 when a deploy',
    'fails.',
  ],
  examples: [
    { line: 'panda apply -f panda.yaml --dry-run', note: 'what would change' },
    { line: 'panda apply -f panda.yaml', note: 'change it' },
  ],
  async run({ options, session }) {
    const manifest = await loadManifest(session, options.file ?? 'panda.yaml')
    const own = await session.api()
    const named = session.globals.project === undefined ? manifest.project : undefined
    const api = named === undefined ? own : own.inProject(named)
    const send = (dryRun: boolean) =>
      api.post<ApplyResult>('/v1/apply', { manifest, dryRun, prune: options.prune }, api.project)
    let result = await send(options.dryRun || options.prune)
    if (options.prune && !options.dryRun) {
      if (result.missing.length > 0) throw referenceMissing(result)
      await confirmDeletes(session, result.changes)
      result = await send(false)
    }
    await show(session, result, {
      name: () =>
        changed(result)
          .map(({ kind, name }) => `${kind}/${name}`)
          .join('\n'),
      human: () => render(session, result),
    })
    for (const warning of result.warnings) await session.warn(plain(warning))
    if (result.missing.length > 0) throw referenceMissing(result)
    if (!options.dryRun && !options.noWait) await awaitAppsOf(session, api, manifest, result)
    return options.dryRun && options.detailedExitcode && changed(result).length > 0 ? EXIT.usage : EXIT.ok
  },
})

function changed(result: ApplyResult): Change[] {
  return result.changes.filter(({ action }) => action !== 'unchanged')
}

async function confirmDeletes(session: Session, changes: readonly Change[]): Promise<void> {
  const deletes = changes.filter(({ action }) => action === 'delete').map(({ kind, name }) => `${kind} ${name}`)
  if (deletes.length > 0) await session.confirm(`Delete ${deletes.join(', ')}?`)
}

const SIGN = { create: '+', update: '~', delete: '-', unchanged: ' ' } as const

function render(session: Session, result: ApplyResult): string {
  const paint = {
    create: session.style.green,
    update: session.style.yellow,
    delete: session.style.red,
    unchanged: session.style.dim,
  }
  const lines = changed(result).flatMap(({ kind, name, action, fields }) => [
    paint[action](plain(`${SIGN[action]} ${kind} ${name}`)),
    ...(action === 'update'
      ? fields.map(({ path, before, after }) => plain(`    ${path}: ${before ?? 'nothing'} → ${after ?? 'nothing'}`))
      : []),
  ])
  const unchanged = result.changes.length - changed(result).length
  const count = (action: Change['action']) => result.changes.filter((each) => each.action === action).length
  const verbs = result.dryRun ? ['to create', 'to update', 'to delete'] : ['created', 'updated', 'deleted']
  for (const [name, secret] of Object.entries(result.signingSecrets))
    lines.push(`Signing secret of alert ${name} (shown only now): ${secret}`)
  lines.push(
    `Project ${result.project}: ${count('create')} ${verbs[0]}, ${count('update')} ${verbs[1]}, ${count('delete')} ${verbs[2]}, ${unchanged} unchanged.`,
  )
  return lines.join('\n')
}

/** As the server refuses it without `--dry-run`. */
function referenceMissing({ missing }: ApplyResult): CliError {
  return new CliError(`the file refers to what is not there: ${missing.map(({ message }) => message).join('; ')}`, {
    code: 'reference_missing',
    exitCode: EXIT.failed,
    hint: missing.map(({ hint }) => hint).join('; '),
    errors: missing.map(({ path, message }) => ({ path, message })),
  })
}
