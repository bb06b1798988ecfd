import { STORE_VARIABLES } from '@pandastack/contract'

/** The variable that the platform gives where none of {@link STORE_VARIABLES} is set. */
export const GIVEN_VARIABLE = 'DATABASE_URL'

type Variables = Readonly<Record<string, string>>

/** Which of them are set there. Empty = the platform gives a database. */
export function backendsIn(...layers: readonly Variables[]): string[] {
  return STORE_VARIABLES.filter((name) => layers.some((layer) => Object.hasOwn(layer, name)))
}
