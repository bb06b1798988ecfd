import { afterAll, beforeAll, expect, it } from 'vitest'
import { runInProcess } from '../support/cli-io.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server[Symbol.asyncDispose]())

async function create(...words: string[]): Promise<string> {
  const env = { PANDA_URL: server.api.url, PANDA_TOKEN: server.api.token ?? '' }
  const argv = ['alert', 'create', '--on', 'failed,missed', ...words, '-o', 'name']
  const { code, stdout, stderr } = await runInProcess(argv, { env })
  if (code !== 0) throw new Error(stderr)
  return stdout.trim()
}

it('an alert that nobody names is called as its channel, the next one with a number', async () => {
  const slack = ['--channel', 'slack', '--url', 'https://hooks.slack.com/services/T/B/x']
  expect(await create(...slack)).toBe('slack')
  expect(await create(...slack)).toBe('slack-2')
  expect(await create('--to', 'ops@example.com')).toBe('email')
  expect(await create('--name', 'ops', ...slack)).toBe('ops')
  expect(await create('night', ...slack)).toBe('night')
  expect(await create(...slack)).toBe('slack-3')
  await expect(create('ops', ...slack)).rejects.toThrow('ops')
})
