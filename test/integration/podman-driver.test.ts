import { quirksOf } from '../../packages/server/src/runtime/docker/quirks.ts'
import { describeRuntimeDriver } from '../../packages/server/src/runtime/driver-contract.ts'
import { dockerHarness } from '../support/docker-harness.ts'
import { testImage } from '../support/images.ts'
import { startPodman } from '../support/podman.ts'

describeRuntimeDriver(
  'docker on Podman',
  async () => {
    const podman = await startPodman()
    try {
      await testImage('busybox', podman.engine)
      // Podman's import takes the name and leaves the tag.
      const image = 'panda-test/busybox:latest'
      const harness = await dockerHarness(podman.socketPath, image, quirksOf(['Podman Engine']))
      const dispose = async () => {
        await harness.dispose()
        await podman.stop()
      }
      return { ...harness, dispose }
    } catch (error) {
      await podman.stop()
      throw error
    }
  },
  [
    {
      test: 'tells that memory ran out in a child, though the exit code is 0',
      reason: 'Podman 4.3 on cgroup v1 records no out-of-memory kill (capability reportsOutOfMemory)',
    },
    {
      test: 'tells that memory ran out',
      reason:
        'Podman 4.3 on cgroup v1 records no out-of-memory kill (capability reportsOutOfMemory): exit code 137 only',
    },
  ],
)
