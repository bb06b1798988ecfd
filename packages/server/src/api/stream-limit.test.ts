import { expect, it } from 'vitest'
import { StreamLimit } from './stream-limit.ts'

const tooMany = expect.objectContaining({ code: 'too_many_requests' }) as Error

it('gives a token 50 places, and each back once', () => {
  const limit = new StreamLimit()
  const give = Array.from({ length: 50 }, () => limit.take('a'))
  expect(() => limit.take('a')).toThrow(tooMany)
  limit.take('b')
  give[0]?.()
  give[0]?.()
  limit.take('a')
  expect(() => limit.take('a')).toThrow(tooMany)
})

it('gives all tokens together 500', () => {
  const limit = new StreamLimit()
  const give = Array.from({ length: 500 }, (_, index) => limit.take(`token ${index % 20}`))
  expect(() => limit.take('another')).toThrow(tooMany)
  give[0]?.()
  limit.take('another')
})
