import type { Cronjob } from '@pandastack/contract'
import { segment, type Client } from '../../http/client.ts'
import { readSecret } from '../../values.ts'
import type { Session } from '../../session.ts'

export interface GivenSecret {
  readonly name: string
  readonly value: string
}

/** Reads all values first: a question that is not answered must leave nothing half done. */
export async function readSecrets(session: Session, specs: readonly string[]): Promise<GivenSecret[]> {
  const secrets: GivenSecret[] = []
  for (const spec of specs) secrets.push(await readSecret(session, spec))
  return secrets
}

/** Stores secrets for one cronjob alone. */
export async function putSecrets(api: Client, cronjob: Cronjob, secrets: readonly GivenSecret[]): Promise<void> {
  for (const { name, value } of secrets) {
    const body = { kind: 'env', cronjob: cronjob.name, value }
    await api.put(`/v1/secrets/${segment(name)}`, body, api.project)
  }
}
