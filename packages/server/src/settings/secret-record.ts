import { z } from 'zod'
import type { RegistryAuth } from '../runtime/driver.ts'
import type { SecretContext } from './secret-box.ts'

export interface SecretPlace {
  readonly project_id: string
  readonly cronjob_id: string | null
  readonly kind: string
  readonly name: string
}

/** Binds a secret's ciphertext to its row. */
export function secretContext(place: SecretPlace): SecretContext {
  return ['secret', place.project_id, place.kind, place.name, place.cronjob_id ?? '']
}

const registryAuthSchema = z.object({ username: z.string(), password: z.string() })

/** What is sealed for kind `registry`. */
export function registryAuthText(auth: RegistryAuth): string {
  return JSON.stringify({ username: auth.username, password: auth.password })
}

export function openRegistryAuth(text: string): RegistryAuth {
  return registryAuthSchema.parse(JSON.parse(text))
}
