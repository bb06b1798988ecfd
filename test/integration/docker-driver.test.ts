import { quirksOf } from '../../packages/server/src/runtime/docker/quirks.ts'
import { describeRuntimeDriver } from '../../packages/server/src/runtime/driver-contract.ts'
import { sharedDocker } from '../support/docker.ts'
import { dockerHarness } from '../support/docker-harness.ts'
import { testImage } from '../support/images.ts'

describeRuntimeDriver('docker', async () => {
  const { socketPath } = await sharedDocker()
  return dockerHarness(socketPath, await testImage('busybox'), quirksOf([]))
})
