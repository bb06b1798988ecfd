import { ERRORS } from '../../packages/contract/src/errors.ts'
import { SETTINGS } from '../../packages/server/src/config.ts'

/** The tables of docs/reference/errors.md and configuration.md, made from what the code has. */

export function errorsTable(): string {
  const rows = Object.entries(ERRORS).map(([code, entry]) => {
    const again = 'retryable' in entry ? 'yes' : 'no'
    return `| <a id="${code}"></a>\`${code}\` | ${entry.status} | ${cell(entry.title)} | ${cell(entry.hint)} | ${again} |`
  })
  return ['| code | status | title | what to do | again later? |', '| --- | --- | --- | --- | --- |', ...rows].join(
    '\n',
  )
}

export function settingsTable(): string {
  const rows = Object.values(SETTINGS)
    .filter((setting) => !('internal' in setting))
    .map(({ variable, defaultText, about }) => `| \`${variable}\` | ${cell(defaultText)} | ${cell(about)} |`)
  return ['| variable | default | meaning |', '| --- | --- | --- |', ...rows].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

const BEGIN = '<!-- made from the code, do not edit: begin -->'
const END = '<!-- end -->'

/** The page with the table of the code in its place. @throws when it has no place */
export function withTable(page: string, table: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin === -1 || end < begin) throw new Error('the page has no place for its table')
  return `${page.slice(0, begin)}${BEGIN}\n${table}\n${page.slice(end)}`
}
