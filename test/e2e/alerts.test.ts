import type { Alert, Delivery, Run } from '@pandastack/contract'
import { sql } from 'kysely'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AlertItem, AlertPayload } from '../../packages/server/src/alerts/payload.ts'
import { type ReceivedCall, startWebhookReceiver, type WebhookReceiver } from '../chaos/webhook-receiver.ts'
import { expectNoChildProcesses } from '../support/leaks.ts'
import { startMailServer } from '../support/mail-server.ts'
import { waitFor } from '../support/wait-for.ts'
import { createJob, followJob, rowsOf, startJob, untilState } from './jobs.ts'
import { endWorld, startWorld, type World } from './world.ts'

expectNoChildProcesses()

let world: World
let smtp: Awaited<ReturnType<typeof startMailServer>>
const mails: string[] = []

beforeAll(async () => {
  smtp = await startMailServer(mails)
  world = await startWorld({
    PANDA_ALERT_ALLOW: '127.0.0.0/8',
    PANDA_SMTP_URL: smtp.url,
    PANDA_SMTP_FROM: 'panda@example.com',
  })
})
afterAll(async () => {
  await endWorld(world)
  await smtp.close()
})

interface Listening extends AsyncDisposable {
  readonly receiver: WebhookReceiver
  /** What has arrived, each with a signature that is right. */
  readonly messages: () => AlertPayload[]
  /** Waits for an event of the cronjob. */
  readonly event: (event: AlertItem['event'], cronjob: string) => Promise<AlertItem>
}

/** An alert with a receiver of its own. */
async function listen(name: string, ...options: string[]): Promise<Listening> {
  const receiver = await startWebhookReceiver()
  const words = [
    'alert',
    'create',
    name,
    '--channel',
    'webhook',
    '--url',
    receiver.url,
    '--group-for',
    '0s',
    ...options,
  ]
  const { signingSecret } = await world.panda.json<Alert & { signingSecret: string }>(words)
  const verify = ({ body, headers }: ReceivedCall): AlertPayload => {
    const signed = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, String(value)]))
    return new Webhook(signingSecret).verify(body, signed) as AlertPayload
  }
  const messages = (): AlertPayload[] => receiver.calls.map(verify)
  const event = (kind: AlertItem['event'], cronjob: string): Promise<AlertItem> =>
    waitFor(
      `a message that ${cronjob} ${kind}`,
      () =>
        messages()
          .flatMap(({ items }) => items)
          .find((item) => item.event === kind && item.cronjob === cronjob),
      30_000,
    )
  const dispose = async (): Promise<void> => {
    await world.panda.ok(['alert', 'delete', name, '--yes'])
    await receiver[Symbol.asyncDispose]()
  }
  return { receiver, messages, event, [Symbol.asyncDispose]: dispose }
}

const FLAKY = 'echo "beginning"; echo "no space left" >&2; [ "$FIXED" = yes ] || exit 3'

describe('an alert', () => {
  it('tells of a failure with its cause and last lines, and of the recovery', async () => {
    await using ops = await listen('ops', '--on', 'failed,recovered')
    await createJob(world, 'flaky', FLAKY)
    const { run } = await followJob(world, 'flaky')
    const failed = await ops.event('failed', 'flaky')
    expect(failed).toMatchObject({ run: run.id, state: 'failed', reason: 'exit-code', exitCode: 3, attempt: 1 })
    expect(failed.message).toBe('exited with code 3')
    expect(failed.lastLines.toSorted()).toEqual(['beginning', 'no space left'])
    expect(ops.messages()).toMatchObject([{ type: 'panda.alert', project: 'default', alert: 'ops', count: 1 }])

    const fixed = await followJob(world, 'flaky', ['--env', 'FIXED=yes'])
    expect(await ops.event('recovered', 'flaky')).toMatchObject({
      run: fixed.run.id,
      state: 'succeeded',
      lastLines: [],
    })
    // It works still, which is no news.
    await followJob(world, 'flaky', ['--env', 'FIXED=yes'])
    await world.panda.ok(['alert', 'test', 'ops'])
    await waitFor('the test message', () => ops.messages().some(({ type }) => type === 'panda.alert.test'))
    expect(ops.messages().map(({ type }) => type)).toEqual(['panda.alert', 'panda.alert', 'panda.alert.test'])
    const { items } = await world.panda.until<{ items: Delivery[] }>(
      'three messages to be on record as sent',
      ['alert', 'deliveries', 'ops'],
      (page) => page.items.filter(({ state }) => state === 'sent').length === 3,
    )
    expect(items.map(({ summary }) => summary)).toEqual([
      'Test message: this alert works',
      'flaky has recovered',
      'flaky failed: exited with code 3',
    ])
  })

  it('of one cronjob hears nothing of the others, and counts retries as one run', async () => {
    await using mine = await listen('mine', '--on', 'failed', '--cronjob', 'flaky')
    await createJob(world, 'other', 'exit 1', ['--retries', '1', '--backoff', '100ms'])
    await using all = await listen('all', '--on', 'failed')
    await followJob(world, 'other')
    expect(await all.event('failed', 'other')).toMatchObject({ attempt: 2 })
    await followJob(world, 'flaky')
    await mine.event('failed', 'flaky')
    expect(mine.messages().flatMap(({ items }) => items.map(({ cronjob }) => cronjob))).toEqual(['flaky'])
    expect(
      all
        .messages()
        .flatMap(({ items }) => items)
        .filter(({ cronjob }) => cronjob === 'other'),
    ).toHaveLength(1)
  })

  it('tells of a run that waits too long', async () => {
    await using patient = await listen('patient', '--on', 'late', '--late-after', '1s')
    await createJob(world, 'waiting', 'sleep 12', ['--concurrency', 'queue', '--grace', '0s'])
    const first = await startJob(world, 'waiting')
    await untilState(world, first, 'running')
    const second = await startJob(world, 'waiting')
    expect(await patient.event('late', 'waiting')).toMatchObject({ run: second, state: 'queued' })
    for (const id of [second, first]) await world.panda.ok(['run', 'cancel', id])
    await untilState(world, first, 'cancelled')
    expect(patient.messages().flatMap(({ items }) => items)).toHaveLength(1)
  })

  it('comes by mail', async () => {
    const words = ['alert', 'create', 'mail', '--channel', 'email', '--to', 'ops@example.com', '--on', 'failed']
    expect(await world.panda.ok(words)).toContain('Created alert mail.')
    const { run } = await followJob(world, 'flaky')
    const mail = await waitFor('the mail', () => mails.find((each) => each.includes(run.id)), 20_000)
    expect(mail).toMatch(/^From: panda@example\.com$/m)
    expect(mail).toMatch(/^To: ops@example\.com$/m)
    expect(mail).toMatch(/^Subject: \[default\] flaky failed: exited with code 3$/m)
    expect(mail).toContain('no space left')
    expect(mail).toContain(`panda run get ${run.id}`)
    await world.panda.ok(['alert', 'delete', 'mail', '--yes'])
  })

  it('is sent when the receiver is back', async () => {
    await using down = await listen('down', '--on', 'failed')
    down.receiver.refuse(1)
    await followJob(world, 'flaky')
    await down.event('failed', 'flaky')
    expect(down.receiver.refused()).toBe(1)
  })
})

describe('ticks that the server slept through', () => {
  const policies = ['skip', 'last', 'all'] as const

  it('are recorded as missed, made up for by the policy, and told of', async () => {
    await using nights = await listen('nights', '--on', 'missed')
    for (const policy of policies) {
      const options = ['--schedule', '* * * * *', '--missed', policy, '--missed-limit', '3', '--concurrency', 'allow']
      await createJob(world, `missed-${policy}`, 'echo "$PANDA_TRIGGER"', options)
    }
    await world.server.stop()
    // Ten minutes pass while nobody is there.
    const { db } = world.database
    await sql`create or replace function panda_now() returns timestamptz language sql stable parallel safe
      as 'select now() + interval ''10 minutes'''`.execute(db)
    await world.server.start()

    const settled = (runs: readonly Run[]): boolean =>
      runs.length >= 9 && runs.every(({ finishedAt }) => finishedAt !== null)
    const late: Record<string, Run[]> = {}
    for (const policy of policies) {
      late[policy] = await waitFor(
        `the ticks of ${policy}`,
        async () => {
          // Not those of after the start.
          const rows = (await rowsOf(world, `missed-${policy}`)).filter(
            ({ state, latenessMs, trigger }) =>
              state === 'missed' || trigger === 'catch-up' || (latenessMs ?? 0) > 60_000,
          )
          return settled(rows) && rows
        },
        60_000,
      )
      await world.panda.ok(['cronjob', 'pause', `missed-${policy}`])
    }
    const states = (policy: string): string[] => (late[policy] ?? []).map(({ state }) => state)
    const missed = (count: number): string[] => Array.from({ length: count }, () => 'missed')
    const counts = Object.fromEntries(policies.map((policy) => [policy, states(policy).length]))
    expect(states('skip')).toEqual(missed(counts['skip'] ?? 0))
    expect(states('last')).toEqual([...missed((counts['last'] ?? 0) - 1), 'succeeded'])
    expect(states('all')).toEqual([...missed((counts['all'] ?? 0) - 3), 'succeeded', 'succeeded', 'succeeded'])
    for (const run of Object.values(late).flat()) {
      expect(run).toMatchObject(
        run.state === 'missed' ? { reason: 'server-down' } : { trigger: 'catch-up', exitCode: 0 },
      )
    }
    const due = (late['skip'] ?? []).map((run) => Date.parse(run.dueAt))
    expect(due).toEqual(due.map((_, index) => (due[0] ?? 0) + index * 60_000))

    await nights.event('missed', 'missed-skip')
    const told = await waitFor('all of the missed ticks', () => {
      const sum = nights.messages().reduce((total, { count }) => total + count, 0)
      return (
        sum >=
          Object.values(late)
            .flat()
            .filter(({ state }) => state === 'missed').length && sum
      )
    })
    expect(told).toBe(
      Object.values(late)
        .flat()
        .filter(({ state }) => state === 'missed').length,
    )
  })
})
