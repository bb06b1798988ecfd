import { PandaError } from '../errors.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

/** @throws PandaError invalid_option */
export function checkQueueName(name: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name
  throw new PandaError('invalid_option', `${JSON.stringify(name)} is no name of a queue`, {
    hint: 'Use letters, digits, ".", "_" and "-", at most 128.',
  })
}
