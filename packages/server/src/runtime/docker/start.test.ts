import { describe, expect, it } from 'vitest'
import { RuntimeError, type UnitSpec } from '../driver.ts'
import type { EngineAnswer, EngineApi } from './engine-api.ts'
import { networkName } from './networks.ts'
import { quirksOf } from './quirks.ts'
import { startUnit } from './start.ts'

const labels = { installation: 'i', project: 'p', kind: 'run', resource: 'r', run: 'run_1', attempt: 1 } as const
const unit: UnitSpec = {
  name: 'panda-run-1-1',
  labels,
  image: 'image',
  entrypoint: null,
  command: null,
  env: {},
  memoryBytes: 1,
  cpus: 1,
  graceMs: 1,
}

/** An engine that has the project's network and answers each call about containers from the script, in order. */
function scripted(answers: Record<string, (EngineAnswer | Error)[]>) {
  const calls: string[] = []
  const network = { Id: 'n', Name: networkName('i', 'p') }
  const call = ({ method, path }: { method: string; path: string }): Promise<EngineAnswer> => {
    if (path === '/networks/create') return Promise.resolve({ status: 201, body: network })
    if (path === '/networks') return Promise.resolve({ status: 200, body: [network] })
    const step = `${method} ${path.split('/').at(-1)}`
    calls.push(step)
    const answer = answers[step]?.shift()
    if (answer instanceof Error) return Promise.reject(answer)
    if (answer === undefined) throw new Error(`an unexpected call: ${method} ${path}`)
    return Promise.resolve(answer)
  }
  const api = { address: 'scripted', call } as unknown as EngineApi
  return {
    calls,
    context: { api, quirks: quirksOf([]), networks: new Map<string, Promise<void>>(), unanswered: new Set<string>() },
  }
}

const created = { status: 201, body: { Id: '1' } }
const noContainer = { status: 404, body: { message: 'No such container: panda-run-1-1' } }
const noNetwork = { status: 404, body: { message: 'network panda-i-p not found' } }
const taken = { status: 409, body: { message: 'Conflict. The container name is already in use' } }
const notStarted = { Status: 'created', ExitCode: 0, OOMKilled: false, StartedAt: '', FinishedAt: '' }
const stillCreated = { status: 200, body: { Id: '1', State: notStarted, Config: {} } }
const done = { status: 204, body: null }

describe('startUnit', () => {
  it('does not make a container anew that somebody else removed: it may have run', async () => {
    const { calls, context } = scripted({ 'POST create': [created, created], 'POST start': [noContainer, done] })
    await expect(startUnit(context, unit, undefined, undefined)).rejects.toMatchObject({ code: 'engine-away' })
    expect(calls).toEqual(['POST create', 'POST start'])
  })

  it('makes it anew itself when its network was gone', async () => {
    const { calls, context } = scripted({
      'POST create': [created, created],
      'POST start': [noNetwork, done],
      'DELETE panda-run-1-1': [done],
      'GET json': [{ status: 404, body: { message: 'No such container' } }],
    })
    expect(await startUnit(context, unit, undefined, undefined)).toEqual({ adopted: false })
    expect(calls.filter((call) => call.startsWith('POST'))).toHaveLength(4)
  })

  it.each([
    { code: 'ECONNRESET', what: 'gives up a start that was not answered', last: 'DELETE panda-run-1-1', adopted: true },
    { code: 'ECONNREFUSED', what: 'repeats a start that never arrived', last: 'POST start', adopted: true },
  ])('$what, if the unit is still not started', async ({ code, last, adopted }) => {
    const cause = Object.assign(new Error(code), { code })
    const { calls, context } = scripted({
      'POST create': [created, taken],
      'GET json': [stillCreated],
      'POST start': [new RuntimeError('engine-away', 'no answer', { cause }), done],
      'DELETE panda-run-1-1': [done],
    })
    await expect(startUnit(context, unit, undefined, undefined)).rejects.toMatchObject({ code: 'engine-away' })
    expect(await startUnit(context, unit, undefined, undefined)).toEqual({ adopted })
    expect(calls.at(-1)).toBe(last)
  })

  it('takes a unit that runs without its engine knowing of it for gone: it is neither failed nor started again', async () => {
    const unseen = { status: 409, body: { message: 'task 8341945384d2: already exists' } }
    const { calls, context } = scripted({
      'POST create': [taken],
      'GET json': [stillCreated],
      'POST start': [unseen],
      'DELETE panda-run-1-1': [done],
    })
    expect(await startUnit(context, unit, undefined, undefined)).toEqual({ adopted: true })
    expect(calls).toEqual(['POST create', 'GET json', 'POST start', 'DELETE panda-run-1-1'])
  })

  it.each([
    [1, []],
    [2, ['POST create']],
  ])('takes no further step when it is not ours any more, asked the %ith time', async (refusedAt, steps) => {
    const { calls, context } = scripted({ 'POST create': [created] })
    let asked = 0
    const mayGoOn = () => (++asked === refusedAt ? Promise.reject(new Error('another server took it')) : undefined)
    await expect(startUnit(context, unit, undefined, mayGoOn)).rejects.toThrow('another server took it')
    expect(calls).toEqual(steps)
  })
})
