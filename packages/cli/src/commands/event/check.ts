import { access, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { choice, defineCommand, flag, text } from '../../command.ts'
import { usageError } from '../../errors.ts'
import { LOCK_NAME, lockText, type Catalog } from '../../event-types/catalog.ts'
import { COMPATIBILITY, compareCatalogs, type Comparison } from '../../event-types/compare-catalogs.ts'
import { loadCatalog } from '../../event-types/load-catalog.ts'
import { EXIT } from '../../exit-codes.ts'
import { plain } from '../../output/clean.ts'
import { show } from '../../output/show.ts'
import type { Session } from '../../session.ts'

export const command = defineCommand({
  args: {
    file: { value: 'FILE', text: 'Module that exports what defineEvents made (.js, .mjs, .ts)', required: true },
  },
  options: {
    against: text('FILE', `Older version: a lock file or a module; default ${LOCK_NAME} beside FILE`),
    write: flag('Write the lock file when nothing is incompatible'),
    mode: choice(COMPATIBILITY, 'full (default): both ways; backward: new consumers; forward: older consumers', 'MODE'),
  },
  details: [
    "Fails when applications of the older and of this version could not read each other's events: a type or a",
    'required field that is gone, a narrower or wider type, a new required field without a new version. Without',
    '--against and --write it also fails when the lock file is behind, so that CI keeps it honest.',
  ],
  examples: [
    { line: 'panda event check events.mjs --write', note: 'check, and take it as the version to keep to' },
    { line: 'panda event check events.mjs -o json', note: 'in CI, with a report' },
    { line: 'panda event check events.mjs --against events-before.mjs', note: 'two versions of the file' },
  ],
  async run({ args, options, session }) {
    const { against, write, mode = 'full' } = options
    const lock = join(dirname(args.file), LOCK_NAME)
    const after = await loadCatalog(args.file)
    const before = await olderCatalog(against ?? lock, write && against === undefined)
    const comparison = compareCatalogs(before, after, mode)
    const behind = against === undefined && !write && isBehind(comparison)
    const written = write && comparison.compatible
    if (written) await replaceFile(lock, lockText(after))
    const report = { ...comparison, mode, types: Object.keys(after).length, lockBehind: behind, written }
    await show(session, report, {
      name: () => comparison.problems.map(({ type, rule, path }) => `${type} ${rule} ${path}`.trimEnd()).join('\n'),
      human: () => render(session, comparison, report),
    })
    if (behind && comparison.compatible)
      await session.warn(`${lock} is behind`, `Write it and commit it: panda event check ${args.file} --write`)
    return comparison.compatible && !behind ? EXIT.ok : EXIT.failed
  },
})

/** Nothing is older than the first lock file. */
async function olderCatalog(file: string, mayBeMissing: boolean): Promise<Catalog> {
  const missing = await access(file).then(
    () => false,
    () => true,
  )
  if (!missing) return loadCatalog(file)
  if (mayBeMissing) return {}
  throw usageError(
    `there is no ${file} to compare with`,
    'Write it with --write and commit it, or name another with --against.',
  )
}

function isBehind({ added, changed, removed }: Comparison): boolean {
  return added.length + changed.length + removed.length > 0
}

async function replaceFile(file: string, content: string): Promise<void> {
  const draft = `${file}.${process.pid}`
  await writeFile(draft, content)
  await rename(draft, file)
}

function render(session: Session, comparison: Comparison, report: { types: number; written: boolean }): string {
  const { problems, added, changed, removed } = comparison
  const { red, green } = session.style
  const lines = problems.map(({ type, rule, message }) => `${red(plain(`${type} ${rule}`))}\n    ${plain(message)}`)
  const counts = `${added.length} new, ${changed.length} changed, ${removed.length} removed`
  const verdict = problems.length === 0 ? green('compatible') : red(`${problems.length} incompatible changes`)
  return [
    ...lines,
    `${report.types} event types, ${counts}: ${verdict}${report.written ? '; the lock file is written' : ''}.`,
  ].join('\n')
}
