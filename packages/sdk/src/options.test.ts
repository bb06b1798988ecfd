import { expect, test } from 'vitest'
import { PandaError } from './errors.ts'
import { assertKnown, namesOf } from './options.ts'

interface Some {
  readonly attempts?: number
  readonly backoff?: string
  readonly payloadLimit?: number
}
const KNOWN = namesOf<Some>({ attempts: true, backoff: true, payloadLimit: true })

function refusal(options: unknown, known: ReadonlySet<string> = KNOWN): PandaError {
  try {
    assertKnown(options as object, known, 'a thing')
  } catch (error) {
    if (error instanceof PandaError) return error
    throw error
  }
  throw new Error('it was not refused')
}

test('known options pass, also when they are undefined', () => {
  expect(() => assertKnown({ attempts: 1, backoff: undefined }, KNOWN, 'a thing')).not.toThrow()
})

test.each([
  ['atempts', 'Did you mean "attempts"?'],
  ['attempst', 'Did you mean "attempts"?'],
  ['backof', 'Did you mean "backoff"?'],
  ['payloadlimit', 'Did you mean "payloadLimit"?'],
  ['PayloadLimits', 'Did you mean "payloadLimit"?'],
  ['retries', 'There are: attempts, backoff, payloadLimit.'],
  ['x', 'There are: attempts, backoff, payloadLimit.'],
])('"%s" is refused: %s', (name, hint) => {
  expect(refusal({ attempts: 3, [name]: 1 })).toMatchObject({
    code: 'invalid_option',
    message: `a thing has no option "${name}"`,
    hint,
  })
})

test.each([
  ['a text', 'not a string'],
  [null, 'not null'],
  [[1], 'not a list'],
])('%j is no object of options', (options, expected) => {
  expect(refusal(options).message).toContain(expected)
})

test('what takes no options says so', () => {
  expect(refusal({ any: 1 }, new Set()).hint).toBe('It takes none.')
})
