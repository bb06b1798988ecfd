import { expect, it } from 'vitest'
import { BlockedAddresses } from './blocked-addresses.ts'

it('lets a blocked address try once a second, until its time is over', () => {
  let now = 0
  const blocked = new BlockedAddresses(() => now)
  const tries = () => Array.from({ length: 3 }, () => blocked.mayTry('a'))
  expect(tries()).toEqual([true, true, true])
  blocked.add('a', 5000)
  expect(tries()).toEqual([true, false, false])
  expect(blocked.mayTry('b')).toBe(true)
  now = 999
  blocked.add('a', 5000) // still at it
  expect(tries()).toEqual([false, false, false])
  now = 1000
  expect(tries()).toEqual([true, false, false])
  now = 5999
  expect(tries()).toEqual([true, true, true])
})

it('remembers 10,000 of them', () => {
  const blocked = new BlockedAddresses(() => 0)
  for (let count = 0; count <= 10_000; count++) blocked.add(`address ${count}`, 1000)
  for (const address of ['address 0', 'address 1', 'address 10000']) blocked.mayTry(address)
  expect(blocked.mayTry('address 0')).toBe(true)
  expect(blocked.mayTry('address 1')).toBe(false)
  expect(blocked.mayTry('address 10000')).toBe(false)
})
