import { describe, expect, it } from 'vitest'
import type { UnitSpec } from '../driver.ts'
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
function scripted(answers: Record<string, EngineAnswer[]>) {
  const calls: string[] = []
  const network = { Id: 'n', Name: networkName('i', 'p') }
  const call = ({ method, path }: { method: string; path: string }): Promise<EngineAnswer> => {
    if (path === '/networks/create') return Promise.resolve({ status: 201, body: network })
    if (path === '/networks') return Promise.resolve({ status: 200, body: [network] })
    const step = `${method} ${path.split('/').at(-1)}`
    calls.push(step)
    const answer = answers[step]?.shift()
    if (answer === undefined) throw new Error(`an unexpected call: ${method} ${path}`)
    return Promise.resolve(answer)
  }
  const api = { address: 'scripted', call } as unknown as EngineApi
  return { calls, context: { api, quirks: quirksOf([]), networks: new Map<string, Promise<void>>() } }
}

const created = { status: 201, body: { Id: '1' } }
const noContainer = { status: 404, body: { message: 'No such container: panda-run-1-1' } }
const noNetwork = { status: 404, body: { message: 'network panda-i-p not found' } }
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

  it('takes a unit that runs without its engine knowing of it for gone: it is neither failed nor started again', async () => {
    const unseen = { status: 409, body: { message: 'task 8341945384d2: already exists' } }
    const taken = { status: 409, body: { message: 'Conflict. The container name is already in use' } }
    const stillCreated = {
      status: 200,
      body: {
        Id: '1',
        State: { Status: 'created', ExitCode: 0, OOMKilled: false, StartedAt: '', FinishedAt: '' },
        Config: {},
      },
    }
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
