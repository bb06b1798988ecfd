import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'pg'
import { expect, it } from 'vitest'
import { rabbitMqDriver } from '../../packages/sdk/src/drivers/rabbitmq/rabbit-driver.ts'
import type { EventDriver } from '../../packages/sdk/src/events/driver.ts'
import { freshDatabase } from '../support/postgres.ts'
import { freshVhost } from '../support/rabbitmq.ts'
import { type RabbitServer, startRabbitServer } from '../support/rabbitmq-server.ts'
import { Scope } from '../support/scope.ts'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts'
import { tempDir } from '../support/temp-dir.ts'
import { waitFor } from '../support/wait-for.ts'
import { type Acknowledged, checkEvents, type Dead, type Effect } from './events-checker.ts'
import { Post } from './events-fleet.ts'
import { expectNoViolations, FULL, printFigures } from './figures.ts'
import { EVENT_RESULTS } from './result-file.ts'
import { chooseSeed, pick, type Random, seededRandom } from './seeded-random.ts'

/**
 * Events from publishers (straight to the broker, and by the outbox of a database) through RabbitMQ to consumers with an
 * inbox, while all three kinds of process are killed and the network is cut. One in five fails at first, some always.
 */

const PLAN = FULL
  ? {
      events: 20_000,
      brokerKills: 5,
      consumerKills: 9,
      publisherKills: 6,
      cuts: 5,
      lanes: 20,
      pauseMs: 280,
      betweenMs: 3500,
    }
  : {
      events: 1000,
      brokerKills: 1,
      consumerKills: 2,
      publisherKills: 1,
      cuts: 1,
      lanes: 10,
      pauseMs: 250,
      betweenMs: 800,
    }
const SUBSCRIPTIONS = ['mail', 'stock', 'crm']
const POISON_EVERY = 200
const WAYS = ['broker', 'outbox'] as const
const AWAY_MS = 1000
const SETTLE_LIMIT_MS = FULL ? 400_000 : 150_000
const isPoison = (n: number) => n % POISON_EVERY === POISON_EVERY - 1

interface Stage {
  readonly server: RabbitServer
  readonly proxy: TcpProxy
  readonly publishers: readonly Post[]
  readonly consumers: readonly Post[]
  readonly files: readonly string[]
  readonly pool: Pool
  readonly driver: EventDriver
}

it(`loses nothing and does nothing twice: ${PLAN.events} events, ${PLAN.brokerKills} brokers, ${PLAN.consumerKills} consumers and ${PLAN.publisherKills} publishers killed, ${PLAN.cuts} cuts`, async () => {
  const seed = chooseSeed()
  process.stdout.write(`seed ${seed}\n`)
  const startedAt = Date.now()
  await using scope = new Scope()
  const stage = await setUp(scope)
  await Promise.all([...stage.consumers, ...stage.publishers].map(async (post) => post.start()))
  const kills = await disturb(stage, seededRandom(seed))
  await waitFor('the publishers to finish', () => stage.publishers.every((post) => post.hasFinished()), SETTLE_LIMIT_MS)
  const acknowledged = stage.files.flatMap(readAcknowledged)
  await settled(stage, acknowledged)
  const [effects, dead] = [await readEffects(stage.pool), await readDead(stage.driver)]
  const verdict = checkEvents({ subscriptions: SUBSCRIPTIONS, acknowledged, effects, dead, isPoison })
  const asked = await Promise.all(stage.consumers.map(async (post) => post.ask('duplicates')))
  const { rows } = await stage.pool.query<{ n: number }>('select count(*)::int as n from panda_queue.event_outbox')
  const figures = {
    ...PLAN,
    subscriptions: SUBSCRIPTIONS.length,
    ...kills,
    ...verdict.figures,
    // Of the consumers that stood at the end: those that were killed took their count with them.
    duplicatesSkippedByTheLast: asked.reduce((sum, n) => sum + n, 0),
    leftInOutbox: rows[0]?.n ?? -1,
    seconds: Math.round((Date.now() - startedAt) / 1000),
    seed,
  }
  printFigures('events-rabbitmq', figures, EVENT_RESULTS)
  expectNoViolations(verdict)
  expect(figures).toMatchObject({ acknowledged: PLAN.events, leftInOutbox: 0 })
  expect(kills.kills).toBeGreaterThanOrEqual(PLAN.brokerKills + PLAN.consumerKills)
})

async function setUp(scope: Scope): Promise<Stage> {
  const server = await startRabbitServer()
  scope.defer(async () => server.stop())
  const vhost = await freshVhost(server)
  const proxy = scope.use(await tcpProxy(server.port))
  const database = scope.use(await freshDatabase())
  const folder = scope.use(await tempDir('chaos-events'))
  const pool = new Pool({ connectionString: database.url, max: 2 })
  scope.defer(async () => pool.end())
  await pool.query('create table effects (subscription text not null, event text not null, n int not null)')
  const driver = rabbitMqDriver({ url: vhost.url })
  scope.defer(async () => driver.close())
  // Else the first events would have to be kept for subscriptions that are not there yet: at most 50,000.
  for (const name of SUBSCRIPTIONS) await driver.apply({ name, patterns: ['order.*'], order: 'none' })
  const near = new URL(vhost.url)
  near.port = String(proxy.port)
  const urls = { brokerUrl: near.href, databaseUrl: database.url }
  const files = WAYS.map((way) => join(folder.path, way))
  const publishers = WAYS.map((way, from) => {
    const share = { from, step: WAYS.length, to: PLAN.events, way, file: files[from] }
    return scope.use(new Post('events-publisher.mjs', { ...urls, ...share, lanes: PLAN.lanes, pauseMs: PLAN.pauseMs }))
  })
  const consumers = [1, 2].map(() =>
    scope.use(
      new Post('events-consumer.mjs', {
        ...urls,
        subscriptions: SUBSCRIPTIONS,
        concurrency: 10,
        poisonEvery: POISON_EVERY,
      }),
    ),
  )
  return { server, proxy, publishers, consumers, files, pool, driver }
}

/** In an order that the seed says. @returns what was killed; a publisher may have finished before */
async function disturb(stage: Stage, random: Random): Promise<{ kills: number; cutsDone: number }> {
  const { server, proxy, consumers, publishers } = stage
  let kills = 0
  let cutsDone = 0
  const any = (posts: readonly Post[]) => async (): Promise<void> => {
    if (await pick(random, posts).replace()) kills += 1
  }
  const broker = async (): Promise<void> => {
    await server.kill()
    kills += 1
    await server.restart()
  }
  const cut = async (): Promise<void> => {
    proxy.cut()
    cutsDone += 1
    await delay(AWAY_MS)
    proxy.mend()
  }
  const times = (count: number, act: () => Promise<void>) => Array.from({ length: count }, () => act)
  const acts = [
    ...times(PLAN.publisherKills, any(publishers)),
    ...times(PLAN.brokerKills, broker),
    ...times(PLAN.consumerKills, any(consumers)),
    ...times(PLAN.cuts, cut),
  ]
  for (const { act } of acts.map((act) => ({ act, place: random() })).toSorted((a, b) => a.place - b.place)) {
    await delay(PLAN.betweenMs * (0.5 + random()))
    await act()
  }
  return { kills, cutsDone }
}

/** Nothing waits, and as much has happened as must; more would be found by the checker. */
async function settled({ pool, driver }: Stage, acknowledged: readonly Acknowledged[]): Promise<void> {
  const poison = acknowledged.filter(({ n }) => isPoison(n)).length
  const wanted = (acknowledged.length - poison) * SUBSCRIPTIONS.length
  await waitFor(
    'the events to be handled',
    async () => {
      const { rows } = await pool.query<{ n: number }>('select count(*)::int as n from effects')
      if ((rows[0]?.n ?? 0) < wanted) return false
      const all = await Promise.all(SUBSCRIPTIONS.map(async (name) => driver.stats(name)))
      return all.every(({ waiting, taken, dead }) => waiting + taken === 0 && dead >= poison)
    },
    SETTLE_LIMIT_MS,
  )
}

function readAcknowledged(file: string): Acknowledged[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  // A line that a kill has cut in two was not told.
  return lines.slice(0, -1).map((line) => {
    const [id = '', n = ''] = line.split(' ')
    return { id, n: Number(n) }
  })
}

async function readEffects(pool: Pool): Promise<Effect[]> {
  return (await pool.query<Effect>('select subscription, event, n from effects')).rows
}

async function readDead(driver: EventDriver): Promise<Dead[]> {
  const all = await Promise.all(
    SUBSCRIPTIONS.map(async (subscription) => {
      const { letters } = await driver.deadLetters(subscription, { limit: 100_000 })
      return letters.map(({ id, raw }) => ({ subscription, id, n: (JSON.parse(raw) as { n: number }).n }))
    }),
  )
  return all.flat()
}
