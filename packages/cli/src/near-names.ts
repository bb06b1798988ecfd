import { CliError } from './errors.ts'
import { segment, type Client } from './http/client.ts'
import type { Page } from './output/show.ts'
import { didYouMean } from './suggest.ts'

type Named = 'cronjobs' | 'apps' | 'alerts'

/** Names offered in a hint come from at most so many pages of 500: a typing error may wait a little, not for ever. */
const PAGES_READ = 10

/** Path of a thing that is called by name. */
export function pathOf(kind: Named, name: string): string {
  return `/v1/${kind}/${segment(name)}`
}

/**
 * Does the call; when there is nothing of that name, the error names the ones that are near.
 * What goes wrong while looking for names never hides the first error.
 */
export async function withNearNames<T>(client: Client, kind: Named, name: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'not_found') throw error
    const hint = await nearHint(client, kind, name)
    throw hint === undefined ? error : error.withHint(hint)
  }
}

async function nearHint(client: Client, kind: Named, name: string): Promise<string | undefined> {
  try {
    const page = await (kind === 'alerts'
      ? client.get<Page<{ name: string }>>('/v1/alerts', client.project) // knows no pages
      : client.all<{ name: string }>(`/v1/${kind}`, client.project, PAGES_READ))
    return didYouMean(
      name,
      page.items.map((item) => item.name),
    )
  } catch (error) {
    if (error instanceof CliError) return undefined
    throw error
  }
}
