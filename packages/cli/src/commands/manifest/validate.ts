import { defineCommand, text } from '../../command.ts'
import { show } from '../../output/show.ts'
import { loadManifest } from './load-file.ts'

export const command = defineCommand({
  args: { file: { value: 'FILE', text: 'The manifest, - for standard input; default panda.yaml' } },
  options: { file: text('FILE', 'The same as an option', { short: 'f' }) },
  details: ['Checks every field, schedule and zone without a server; exit code 2 when something is wrong.'],
  examples: [
    { line: 'panda validate', note: 'panda.yaml of this folder' },
    { line: 'panda validate deploy/panda.yaml -o json', note: 'for a pipeline' },
  ],
  async run({ args, options, session }) {
    const file = args.file ?? options.file ?? 'panda.yaml'
    const manifest = await loadManifest(session, file)
    const counts = [
      [Object.keys(manifest.cronjobs).length, 'cronjob'],
      [Object.keys(manifest.apps).length, 'app'],
      [Object.keys(manifest.alerts).length, 'alert'],
      [Object.keys(manifest.env).length, 'variable'],
    ] as const
    const words = counts.map(([count, word]) => `${count} ${word}${count === 1 ? '' : 's'}`).join(', ')
    await show(session, { valid: true, manifest }, { name: () => file, human: () => `${file} is valid: ${words}.` })
  },
})
