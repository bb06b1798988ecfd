import { describe, expect, it } from 'vitest'
import { isAddressOrRange } from './address-range.ts'
import { assertTarget } from './assert-target.ts'

const check =
  (url: string, allow: string[] = []) =>
  () =>
    assertTarget({ kind: 'webhook', url }, allow)

describe('the target of an alert', () => {
  it.each(['127.0.0.1', '10.1.2.3:8080', '192.168.0.1', '169.254.169.254', '[::1]', '[fd00::1]', '[::ffff:10.0.0.1]'])(
    'refuses %s',
    (host) => {
      expect(check(`http://${host}/hook`)).toThrow(expect.objectContaining({ code: 'target_refused' }) as Error)
    },
  )

  // Also in the spellings that a URL brings into the usual form.
  it.each(['2130706433', '0x7f.1', '0177.0.0.1'])('refuses %s, which is 127.0.0.1', (host) => {
    expect(check(`http://${host}/`)).toThrow('127.0.0.1')
  })

  it.each(['93.184.216.34', '[2606:4700::1]', 'hooks.example.com', 'localhost'])(
    'leaves %s to the connection',
    (host) => {
      expect(check(`https://${host}/hook`)).not.toThrow()
    },
  )

  it('takes what the operator lists', () => {
    expect(check('http://10.1.2.3/', ['10.0.0.0/8'])).not.toThrow()
    expect(check('http://10.1.2.3/', ['10.1.2.3'])).not.toThrow()
    expect(check('http://[fd00::1]/', ['fd00::/8'])).not.toThrow()
    expect(check('http://10.1.2.3/', ['10.2.0.0/16'])).toThrow()
    expect(() => assertTarget({ kind: 'email', to: ['a@example.com'] }, [])).not.toThrow()
  })
})

it('tells addresses and ranges from names', () => {
  for (const good of ['10.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8']) expect(isAddressOrRange(good), good).toBe(true)
  for (const bad of ['localhost', '10.0.0.0/33', '10.0.0.0/', '::1/129', '10.0.0/8', '10.0.0.0/8/8', ''])
    expect(isAddressOrRange(bad), bad).toBe(false)
})
