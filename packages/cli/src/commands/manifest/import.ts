import type { ManifestInput } from '@pandastack/contract'
import { defineCommand, flag, text } from '../../command.ts'
import { CliError, usageError } from '../../errors.ts'
import { EXIT } from '../../exit-codes.ts'
import { type Imported, ImportError } from '../../manifest/imported.ts'
import type { Session } from '../../session.ts'
import { placed, readText } from './load-file.ts'

const SOURCES = ['crontab', 'k8s-cronjob'] as const

export const command = defineCommand({
  args: {
    source: { value: 'SOURCE', text: 'What the file is', required: true, choices: SOURCES },
    file: { value: 'FILE', text: 'The file, - for standard input', required: true },
  },
  options: {
    image: text('IMAGE', 'crontab: the image that holds what the lines call'),
    timezone: text('ZONE', 'crontab: the zone of its host; default: of this machine'),
    system: flag('crontab: has a user behind the five fields, as /etc/crontab'),
  },
  details: ['Writes a panda.yaml to stdout. What cannot be carried over is listed on stderr and on top of the file.'],
  formats: false,
  examples: [
    {
      line: 'panda import crontab my-crontab --image your-org/app:latest > panda.yaml',
      note: 'what `crontab -l` prints',
    },
    { line: 'panda import k8s-cronjob cronjobs.yaml > panda.yaml', note: 'CronJob objects' },
  ],
  async run({ args, options, session }) {
    const source = await readText(session, args.file)
    const imported = await convert(args.source, args.file, source, options)
    const notes = [...imported.notes, ...(await faultsOf(imported.manifest))]
    await session.print(await fileOf(args.file, imported.manifest, notes))
    await sayNotes(session, notes)
  },
})

interface Options {
  readonly image: string | undefined
  readonly timezone: string | undefined
  readonly system: boolean
}

async function convert(source: string, file: string, text: string, options: Options): Promise<Imported> {
  try {
    if (source === 'k8s-cronjob') return (await import('../../manifest/import-k8s-cronjob.ts')).importK8sCronjobs(text)
    if (options.image === undefined) {
      throw usageError('a crontab names no image', 'Add --image with the image that holds what its lines call.')
    }
    const timezone = options.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
    const { importCrontab } = await import('../../manifest/import-crontab.ts')
    return importCrontab(text, { image: options.image, timezone, system: options.system })
  } catch (error) {
    if (!(error instanceof ImportError)) throw error
    throw new CliError(`${file}: ${error.message}`, { code: 'import_failed', exitCode: EXIT.usage, cause: error })
  }
}

/** What the server would refuse in the result, e.g. a memory size of Kubernetes that has no equal here. */
async function faultsOf(manifest: ManifestInput): Promise<string[]> {
  const { readManifest } = await import('../../manifest/read-manifest.ts')
  // `$${` keeps text that looks like a reference of ours as it is.
  const result = readManifest(escapeReferences(JSON.stringify(manifest)), {})
  return result.ok
    ? []
    : result.problems.map(
        (problem) => `to be mended by hand: ${placed('', { ...problem, line: null }).replace(/^: /, '')}`,
      )
}

async function fileOf(file: string, manifest: ManifestInput, notes: readonly string[]): Promise<string> {
  const { stringify } = await import('yaml')
  const head = [
    `Made by panda import from ${file === '-' ? 'standard input' : file}`,
    ...notes.map((note) => `NOTE: ${note}`),
  ]
  return (
    head.map((line) => `# ${line.replaceAll(/[\r\n]+/g, ' ')}`).join('\n') +
    '\n' +
    escapeReferences(stringify(manifest, { lineWidth: 0 })).trimEnd()
  )
}

function escapeReferences(text: string): string {
  return text.replaceAll('${', '$$${')
}

async function sayNotes(session: Session, notes: readonly string[]): Promise<void> {
  for (const note of notes) await session.warn(note)
  await session.hint('Check it with: panda validate panda.yaml, then: panda apply -f panda.yaml --dry-run')
}
