/** The variables by which a project names where its queues and events live. One that is set but empty is set. */
export const BACKEND_VARIABLES = [
  'PANDA_QUEUE_URL',
  'PANDA_EVENTS_URL',
  'REDIS_URL',
  'RABBITMQ_URL',
  'AMQP_URL',
  'DATABASE_URL',
] as const

/** The variable that the platform gives where none of these is set. */
export const GIVEN_VARIABLE = 'DATABASE_URL'

type Variables = Readonly<Record<string, string>>

/** Which of them are set there. Empty = the platform gives a database. */
export function backendsIn(...layers: readonly Variables[]): string[] {
  return BACKEND_VARIABLES.filter((name) => layers.some((layer) => Object.hasOwn(layer, name)))
}
