import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createLog } from './log.ts'

function logged(work: (log: ReturnType<typeof createLog>) => void): string {
  const lines: string[] = []
  work(createLog({ logLevel: 'info', logFormat: 'json' }, { write: (line: string) => lines.push(line) }))
  return lines.join('')
}

describe('the log of the server', () => {
  it('is one JSON object per line with time, level and words', () => {
    const line: unknown = JSON.parse(logged((log) => log.info({ runId: 'run_1' }, 'hello')))
    expect(line).toMatchObject({
      level: 'info',
      msg: 'hello',
      runId: 'run_1',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
    })
  })

  it('hides what is secret, three levels deep', () => {
    const text = logged((log) => {
      log.info({ token: 'hunter-1', a: { password: 'hunter-2', b: { authorization: 'hunter-3' } } }, 'x')
      log.info({ headers: { authorization: 'Bearer hunter-4' }, databaseUrl: 'postgres://u:hunter-5@h/d' }, 'x')
    })
    expect(text).not.toContain('hunter')
    expect(text).toContain('[hidden]')
  })

  it('writes words for people when asked to', () => {
    const destination = new PassThrough({ encoding: 'utf8' })
    createLog({ logLevel: 'info', logFormat: 'text' }, destination).info('ready')
    expect(destination.read()).toMatch(/INFO.*ready/)
  })
})
