import { defineCommand } from '../../command.ts'

/** What the scripts of `panda completion` call at every <TAB>. Not shown in the overview. */
export const command = defineCommand({
  args: {},
  options: {},
  words: 'The words typed so far',
  formats: false,
  examples: [
    { line: 'panda complete -- cronjob ""', note: 'the commands of a noun' },
    { line: 'panda complete -- cronjob run ""', note: 'names of cronjobs' },
  ],
  async run({ words, session }) {
    const [{ complete }, { NOUNS }] = await Promise.all([
      import('../../completion/completions.ts'),
      import('../../catalogue.ts'),
    ])
    await complete(session, NOUNS, words ?? [])
  },
})
