import { choice, flag, text } from './command.ts'

export const FORMATS = ['table', 'wide', 'json', 'yaml', 'name'] as const
export type Format = (typeof FORMATS)[number]

/** Options that every command takes, before or behind its name. */
export const GLOBAL_OPTIONS = {
  output: { ...choice(FORMATS, 'How to show the answer', 'FORMAT'), short: 'o' },
  json: flag('Short for -o json'),
  project: text('NAME', 'Project to work in (PANDA_PROJECT)', { short: 'p', completes: 'project' }),
  url: text('URL', 'Address of the server (PANDA_URL)'),
  context: text('NAME', 'Saved login to use (see panda context)', { completes: 'context' }),
  noColor: flag('No colours (also NO_COLOR=1, TERM=dumb)'),
  noInput: flag('Never ask; fail where a question would be needed'),
  yes: flag('Answer questions before a deletion with yes', { short: 'y' }),
} as const
