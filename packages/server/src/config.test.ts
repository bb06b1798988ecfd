import { describe, expect, it } from 'vitest'
import { readConfig, SETTINGS } from './config.ts'
import { StartError } from './start/start-error.ts'

describe('readConfig', () => {
  it('has a default for everything', () => {
    expect(readConfig({}, {})).toMatchObject({
      host: '127.0.0.1',
      port: 7300,
      databaseUrl: null,
      runtime: 'auto',
      maxRuns: 16,
      alertAllow: [],
      faultPoint: null,
    })
    expect(readConfig({}, {}).home).toMatch(/panda$/)
  })

  it('reads each variable in its own type', () => {
    const env = {
      PANDA_HOME: '/srv/panda',
      PANDA_PORT: '0',
      DATABASE_URL: 'postgres://u:p@/panda?host=/run/postgresql',
      PANDA_DATABASE_WAIT: '5s',
      PANDA_LOG_LIMIT: '1Mi',
      PANDA_ALERT_ALLOW: '10.0.0.0/8, fd00::1',
      PANDA_FAULT_POINT: 'run-inserted',
    }
    expect(readConfig({}, env)).toMatchObject({
      home: '/srv/panda',
      port: 0,
      databaseUrl: env.DATABASE_URL,
      databaseWaitMs: 5000,
      logLimitBytes: 1024 * 1024,
      alertAllow: ['10.0.0.0/8', 'fd00::1'],
      faultPoint: { point: 'run-inserted', nth: 1 },
    })
  })

  it('takes an empty variable for one that is not set', () => {
    expect(readConfig({}, { DATABASE_URL: '', PANDA_PORT: '' })).toMatchObject({ databaseUrl: null, port: 7300 })
  })

  it('lets flags win over the environment', () => {
    expect(readConfig({ port: 1234 }, { PANDA_PORT: '99999' }).port).toBe(1234)
  })

  it.each([
    ['PANDA_PORT', '70000'],
    ['PANDA_PORT', 'http'],
    ['PANDA_MAX_RUNS', '0'],
    ['PANDA_RUNTIME', 'lxc'],
    ['DATABASE_URL', 'mysql://localhost/x'],
    ['DATABASE_URL', 'localhost'],
    ['PANDA_DATABASE_WAIT', 'long'],
    ['PANDA_LOG_LIMIT', 'much'],
    ['PANDA_LOG_LEVEL', 'loud'],
    ['PANDA_ALERT_ALLOW', 'hooks.internal'],
    ['PANDA_ALERT_ALLOW', '10.0.0.0/8, 10.0.0.0/33'],
  ])('refuses %s=%s by name', (variable, value) => {
    const read = () => readConfig({}, { [variable]: value })
    expect(read).toThrow(StartError)
    expect(read).toThrow(variable)
  })

  it('names every mistake at once', () => {
    expect(() => readConfig({}, { PANDA_PORT: 'x', PANDA_RUNTIME: 'y' })).toThrow(/PANDA_PORT.*PANDA_RUNTIME/)
  })

  it('documents every variable', () => {
    for (const { variable, about, defaultText } of Object.values(SETTINGS)) {
      expect(about, variable).toMatch(/[.`]$/)
      expect(defaultText, variable).not.toBe('')
    }
  })
})
