import { describe, expect, it } from 'vitest'
import { secretLikeEnvWarning, secretLikeNames } from './secret-like-env.ts'

describe('secretLikeNames', () => {
  it.each(['MAIL_API_KEY', 'TOKEN', 'GITHUB_TOKEN', 'DB_PASSWORD', 'client_secret', 'AWS_CREDENTIALS', 'SENTRY_DSN'])(
    '%s, by its name',
    (name) => {
      expect(secretLikeNames({ [name]: 'xxx' })).toEqual([name])
    },
  )

  it.each([
    'sk_live_51Habc',
    'ghp_16C7e42F292c6912E7710c838347Ae178B4a',
    'AKIAIOSFODNN7EXAMPLE',
    'postgres://app:hunter2@db:5432/app',
    '-----BEGIN RSA PRIVATE KEY-----\nMIIE',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln',
  ])('%s, by its value', (value) => {
    expect(secretLikeNames({ SETTING: value })).toEqual(['SETTING'])
  })

  it('leaves ordinary settings alone', () => {
    const env = {
      LOG_LEVEL: 'debug',
      KEYBOARD: 'de',
      TOKENS_PER_MINUTE: '10',
      URL: 'https://example.com/a',
      API_KEY: '',
    }
    expect(secretLikeNames(env)).toEqual([])
  })
})

describe('secretLikeEnvWarning', () => {
  it('names the variables, never their values, and the command', () => {
    const warning = secretLikeEnvWarning('weekly-digest', { MAIL_API_KEY: 'hunter2', DB_PASSWORD: 'hunter2' })
    expect(warning?.code).toBe('secret-like-env')
    expect(JSON.stringify(warning)).not.toContain('hunter2')
    expect(warning?.hint).toContain('panda secret set MAIL_API_KEY DB_PASSWORD --cronjob weekly-digest')
    expect(secretLikeEnvWarning(null, { DB_PASSWORD: 'hunter2' })?.hint).toMatch(/panda secret set DB_PASSWORD$/)
    expect(secretLikeEnvWarning('x', { MODE: 'fast' })).toBeNull()
  })
})
