import { expect, it } from 'vitest'
import { isInTheClear } from './in-the-clear.ts'

it.each(['http://lab:7300', 'http://10.0.0.1', 'http://127.evil.example', 'http://localhost.example.com'])(
  '%s can be read on the way',
  (address) => expect(isInTheClear(address)).toBe(true),
)

it.each([
  'https://lab',
  'http://localhost:7300',
  'http://127.0.0.1:1',
  'http://127.9.9.9',
  'http://[::1]:7300',
  'nonsense',
])('%s cannot', (address) => expect(isInTheClear(address)).toBe(false))
