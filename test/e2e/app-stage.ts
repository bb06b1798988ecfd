import type { AppDetail } from '@pandastack/contract'
import type { Client } from '../support/api-client.ts'
import { freePort } from '../support/free-port.ts'
import { waitFor } from '../support/wait-for.ts'
import type { World } from './world.ts'

/** Tells the platform at once that it is ready, as the SDK's workers do. */
const WORKER = ['sh', '-c', 'echo "panda::$PANDA_INSTANCE {\\"kind\\":\\"registered\\"}"; echo working; exec sleep 600']

/** What the examples of `panda app` take for granted: the app `thumbnailer` with four revisions, one instance, ready. */
export class AppStage {
  readonly #world: World
  readonly #api: Client

  constructor(world: World, api: Client) {
    this.#world = world
    this.#api = api
  }

  static isAbout(line: string): boolean {
    return line.startsWith('panda app ') || line.includes('--app thumbnailer')
  }

  /** The images and the program of the examples are those of this stage. */
  async resolve(line: string): Promise<string> {
    return line
      .replace('8080:3000', `${line.includes('8080:3000') ? await freePort() : 8080}:3000`)
      .replace(/your-org\/api:\S+/, this.#world.image)
      .replace(/-- node (?:worker|server)\.js/, `-- ${WORKER.slice(0, 2).join(' ')} '${WORKER[2]}'`)
  }

  async reset(line: string): Promise<void> {
    const { status, body } = await this.#api.call<AppDetail>('GET', '/v1/apps/thumbnailer')
    const revision = status === 200 ? body.revision : 0
    if (revision === 0) await this.#deploy({ image: this.#world.image, pull: 'missing', command: WORKER })
    for (let made = Math.max(1, revision); made < 4; made++) await this.#deploy({ env: { REVISION: String(made + 1) } })
    await this.#api.ok('POST', '/v1/apps/thumbnailer/start')
    await this.#api.ok('POST', '/v1/apps/thumbnailer/scale', { replicas: 1 })
    await this.#settled()
    if (line.includes(' --port ')) await this.#remove('api')
    if (line.includes(' start ')) await this.#api.ok('POST', '/v1/apps/thumbnailer/stop')
  }

  async delete(): Promise<void> {
    for (const name of ['thumbnailer', 'api']) await this.#remove(name)
  }

  async #remove(name: string): Promise<void> {
    const { status } = await this.#api.call('DELETE', `/v1/apps/${name}`)
    if (status !== 204 && status !== 404) throw new Error(`the app cannot be deleted: ${status}`)
  }

  async #deploy(body: unknown): Promise<void> {
    await this.#api.ok('POST', '/v1/apps/thumbnailer/deploys', body)
    await this.#settled()
  }

  async #settled(): Promise<void> {
    await waitFor(
      'the app of the examples to be ready',
      async () => {
        const app = await this.#api.ok<AppDetail>('GET', '/v1/apps/thumbnailer')
        const live = app.instances.filter(({ finishedAt }) => finishedAt === null)
        return app.readyRevision === app.revision && live.length === 1 && app.ready === 1
      },
      60_000,
    )
  }
}
