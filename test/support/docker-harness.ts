import { randomBytes } from 'node:crypto'
import { DockerDriver } from '../../packages/server/src/runtime/docker/docker-driver.ts'
import { EngineApi } from '../../packages/server/src/runtime/docker/engine-api.ts'
import { createNetwork } from '../../packages/server/src/runtime/docker/networks.ts'
import type { Quirks } from '../../packages/server/src/runtime/docker/quirks.ts'
import { createUnit } from '../../packages/server/src/runtime/docker/start.ts'
import type { ContractHarness, ProgramRequest } from '../../packages/server/src/runtime/driver-contract.ts'
import { shellExec, shellProgram } from '../../packages/server/src/runtime/driver-contract.ts'
import type { UnitSpec } from '../../packages/server/src/runtime/driver.ts'

export interface DockerHarness extends ContractHarness {
  readonly driver: DockerDriver
}

/** The contract suite's harness over an engine's socket. Units and networks are removed at its end. */
export async function dockerHarness(socketPath: string, image: string, quirks: Quirks): Promise<DockerHarness> {
  const endpoint = { kind: 'unix', path: socketPath } as const
  const driver = new DockerDriver({ endpoint })
  // As the server does: a unit is given what the image was pinned to.
  const pinned = await driver.ensureImage(image, { pull: 'never', auth: null })
  const installation = `test-${randomBytes(6).toString('hex')}`
  const api = new EngineApi(endpoint)
  const createOnly = async (unit: UnitSpec) => {
    await createNetwork(api, unit.labels, undefined)
    if (!(await createUnit({ api, quirks }, unit, undefined))) throw new Error(`${unit.name} exists`)
  }
  const dispose = async () => {
    for (const owner of [installation, `${installation}-other`]) {
      const units = await driver.list(owner)
      await Promise.all(units.map(async (unit) => driver.remove(unit.name)))
      await driver.cleanNetworks(owner)
    }
    api.close()
    await driver.close()
  }
  const program = (request: ProgramRequest) => ({ image: pinned.image, ...shellProgram(request) })
  return { driver, installation, program, exec: shellExec, createOnly, dispose }
}
