import Docker from 'dockerode'
import { answers, startDockerd } from './dockerd.ts'
import type { RunningService } from './shared-services.ts'

const systemSocket = '/var/run/docker.sock'

/** `DOCKER_HOST` (a unix socket), else the machine's own engine if it answers, else one of our own for this run. */
export async function startSharedDocker(): Promise<RunningService> {
  const named = process.env['DOCKER_HOST']
  if (named !== undefined && named !== '') {
    if (!named.startsWith('unix://'))
      throw new Error(`the tests need an engine on a unix socket, DOCKER_HOST is ${named}`)
    const socketPath = named.slice('unix://'.length)
    if (!(await answers(new Docker({ socketPath }))))
      throw new Error(`no Docker engine answers at DOCKER_HOST, ${named}`)
    return { values: { socketPath }, stop: async () => undefined }
  }
  if (await answers(new Docker({ socketPath: systemSocket }))) {
    return { values: { socketPath: systemSocket }, stop: async () => undefined }
  }
  const engine = await startDockerd()
  return { values: { socketPath: engine.socketPath }, stop: async () => engine.stop() }
}
