import { expect, it } from 'vitest'
import { firstFree } from './first-free.ts'

it.each([
  [[], 'slack'],
  [['email', 'slack-2'], 'slack'],
  [['slack'], 'slack-2'],
  [['slack-2', 'slack', 'slack-4'], 'slack-3'],
])('with %j taken, the next is %s', (taken, expected) => expect(firstFree('slack', taken)).toBe(expected))
