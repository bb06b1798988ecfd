import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { tempDir } from '../../../../../test/support/temp-dir.ts'
import { describeRuntimeDriver, type ExecProgram, type ProgramRequest } from '../driver-contract.ts'
import { createDirectoryEngine } from './directory-engine.ts'
import { FakeDriver } from './fake-driver.ts'
import { FAKE_PORT_IN_USE, type FakeEngine } from './fake-engine.ts'
import { parseFakeProgram } from './fake-program.ts'
import { MemoryEngine } from './memory-engine.ts'

const NO_IMAGE = 'localhost/panda/no-such-image:1'

function words(request: ProgramRequest): string[] {
  switch (request.kind) {
    case 'exit':
      return ['exit', String(request.code)]
    case 'lines':
      return ['log', String(request.count), 'err', String(request.count)]
    case 'ticks':
      return ['named', 'tick', 'log', String(request.count), 'after', `${request.count * request.everyMs}ms`]
    case 'sleep':
      return ['after', `${request.seconds}s`]
    case 'ignore-term':
      return ['print', 'ready', 'ignore-term', 'after', '60s']
    case 'trap-term':
      return ['print', 'ready', 'on-term', String(request.code), 'bye', 'forever']
    case 'kill-self':
      return ['exit', request.signal === 'KILL' ? '137' : '139']
    case 'print-env':
      return ['env', request.name]
    case 'print-args':
      return request.args.flatMap((arg) => ['print', arg])
    case 'long-line':
      return [
        ...Array.from({ length: request.bytes / 1000 }, () => ['unfinished', 'x'.repeat(1000)]).flat(),
        'print',
        '',
      ]
    case 'unfinished-line':
      return ['print', 'first', 'unfinished', 'unfinished']
    case 'binary':
      return ['print', 'a\uFFFD\uFFFDb']
    case 'memory-hog':
      return ['oom']
    case 'child-memory-hog':
      return ['oom', 'exit', '0']
    case 'busy':
      return ['memory', '24Mi', 'cores', '0.5', 'forever']
    case 'report':
      return ['print', 'Seccomp: 0']
    case 'bad-command':
      return ['fail-start', '/no/such/program is not there']
  }
}

function execWords(program: ExecProgram): string[] {
  switch (program.kind) {
    case 'cat':
      return ['cat']
    case 'both':
      return ['print', 'to out', 'print-err', 'to err', 'exit', '3']
    case 'print-env':
      return ['env', program.name]
    case 'long':
      return ['after', '60s']
    case 'size':
      return ['size']
    case 'missing':
      return ['/no/such/program']
  }
}

function harness(engine: FakeEngine, clean: () => Promise<void>) {
  const driver = new FakeDriver(engine)
  return {
    driver,
    installation: `test-${randomUUID()}`,
    takenPort: { address: '127.0.0.1', hostPort: FAKE_PORT_IN_USE, containerPort: 3000 },
    program: (request: ProgramRequest) => ({ image: 'fake/image:1', entrypoint: null, command: words(request) }),
    exec: execWords,
    createOnly: (unit: Parameters<FakeDriver['start']>[0]) => {
      engine.create(unit, parseFakeProgram(unit))
      return Promise.resolve()
    },
    async dispose() {
      await driver.close()
      await clean()
    },
  }
}

describeRuntimeDriver('fake (memory)', () => {
  const engine = new MemoryEngine()
  engine.imageErrors.set(NO_IMAGE, 'image-not-found')
  return Promise.resolve(harness(engine, () => Promise.resolve()))
})

describeRuntimeDriver('fake (folder)', async () => {
  const folder = await tempDir('fake')
  return harness(createDirectoryEngine(folder.path), () => folder.remove())
})

describe('100,000 units in memory', () => {
  it('start and end within seconds', async () => {
    const driver = new FakeDriver(new MemoryEngine())
    const began = performance.now()
    for (let index = 0; index < 100_000; index += 1) {
      const labels = {
        installation: 'x',
        project: 'p',
        kind: 'run' as const,
        resource: 'c',
        run: `run_${index}`,
        attempt: 1,
      }
      const limits = { env: {}, memoryBytes: 1, cpus: 1, graceMs: 1 }
      await driver.start({ name: `u-${index}`, labels, image: 'i', entrypoint: null, command: null, ...limits })
      await driver.wait(`u-${index}`)
    }
    const tookMs = performance.now() - began
    console.info(`100,000 starts and waits: ${Math.round(tookMs)} ms`)
    expect(tookMs).toBeLessThan(10_000)
  })
})
