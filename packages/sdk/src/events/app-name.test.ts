import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { appName, publisherName } from './app-name.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'panda-app-'))))
afterEach(() => rmSync(folder, { recursive: true }))

it('takes PANDA_APP first', () => {
  expect(appName({ PANDA_APP: 'email-service' }, join(folder, 'x.js'))).toBe('email-service')
})

it('refuses a PANDA_APP that cannot name a subscription', () => {
  expect(() => appName({ PANDA_APP: 'Email Service' })).toThrow(/PANDA_APP: "Email Service" is no name/)
})

it('takes the name of the nearest package.json, without its scope', () => {
  mkdirSync(join(folder, 'src/deep'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"name":"@acme/Mailer"}')
  expect(appName({}, join(folder, 'src/deep/x.js'))).toBe('mailer')
})

it('passes over a package.json without a name, or a broken one', () => {
  mkdirSync(join(folder, 'a/b'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"name":"outer"}')
  writeFileSync(join(folder, 'a/package.json'), '{"type":"module"}')
  writeFileSync(join(folder, 'a/b/package.json'), '{')
  expect(appName({}, join(folder, 'a/b/x.js'))).toBe('outer')
})

it('asks for a name when there is none', () => {
  expect(() => appName({}, join(folder, 'x.js'))).toThrow(
    expect.objectContaining({ code: 'invalid_option', hint: expect.stringContaining('PANDA_APP') }),
  )
})

it('lets a run of a cronjob publish in the name of the cronjob', () => {
  writeFileSync(join(folder, 'package.json'), '{"name":"mailer"}')
  const start = join(folder, 'x.js')
  expect(publisherName({ PANDA_CRONJOB: 'weekly-digest' }, start)).toBe('weekly-digest')
  expect(publisherName({ PANDA_APP: 'api', PANDA_CRONJOB: 'weekly-digest' }, start)).toBe('api')
  expect(publisherName({ PANDA_CRONJOB: '' }, start)).toBe('mailer')
})
