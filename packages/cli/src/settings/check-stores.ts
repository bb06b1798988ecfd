import type { CheckedEnv, StoreWarning } from '@pandastack/contract'
import { STORE_VARIABLES } from '@pandastack/contract/names'
import { CliError } from '../errors.ts'
import type { Client } from '../http/client.ts'

const NAMES: readonly string[] = STORE_VARIABLES

/** What the server says of the stores that these variables name; none are named: it is not asked. */
export async function checkStores(client: Client, env: Readonly<Record<string, string>>): Promise<StoreWarning[]> {
  const named = Object.entries(env).filter(([name, value]) => NAMES.includes(name) && value !== '')
  if (named.length === 0) return []
  try {
    const variables = Object.fromEntries(named)
    return (await client.post<CheckedEnv>('/v1/env/check', { variables }, client.project)).warnings
  } catch (error) {
    // An older server cannot check; it can still store.
    if (error instanceof CliError && error.code === 'route_not_found') return []
    throw error
  }
}
