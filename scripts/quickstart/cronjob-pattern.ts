import type { RunDetail } from '@pandastack/contract'
import { waitFor } from '../../test/support/wait-for.ts'
import { ok, say, step, title } from './say.ts'
import { cronjobWords, type Show } from './show.ts'

interface RunList {
  readonly items: Pick<RunDetail, 'id' | 'state' | 'trigger'>[]
}

/** Begins the cronjobs, so that the schedule has fired by the time the rest has been shown. */
export async function startCronjobs(show: Show): Promise<void> {
  const { panda, engine, mail } = show
  title('1. A time starts it: a cronjob')
  step('one that fires every five seconds (panda asks whether it polls: here the time itself is the reason)')
  const [node = 'node'] = engine.program('')
  const beat = ['--', node, '-e', 'console.log("tick of", process.env.PANDA_DUE_AT)']
  await panda.show([...cronjobWords(show, 'heartbeat', '*/5 * * * * *'), ...beat])
  step("the article's weekly digest, with a key that the mail service will refuse")
  const mailing = [`MAIL_API_URL=${mail.url}`, 'MAIL_FROM=digest@example.com', 'MAIL_TO=ada@example.com']
  await panda.show(['env', 'set', ...mailing])
  const digest = cronjobWords(show, 'weekly-digest', '0 8 * * 1', ['--env', 'MAIL_API_KEY=xxx'])
  await panda.show([...digest, '--', ...engine.program('weekly-digest/digest.js')])
}

export async function checkCronjobs(show: Show, pictures: number): Promise<void> {
  title('1. again: what became of the cronjobs')
  await checkHeartbeat(show)
  await checkDigest(show, pictures)
}

async function checkHeartbeat({ panda }: Show): Promise<void> {
  step('every due time of the heartbeat has a row, and its log is kept')
  const run = await waitFor(
    'two runs of heartbeat on schedule',
    async () => {
      const { items } = await panda.ask<RunList>(['cronjob', 'runs', 'heartbeat'])
      const good = items.filter(({ state, trigger }) => state === 'succeeded' && trigger === 'schedule')
      return good.length >= 2 && good[0]
    },
    60_000,
  )
  await panda.show(['cronjob', 'pause', 'heartbeat'])
  await panda.show(['cronjob', 'runs', 'heartbeat', '--limit', '5'])
  await panda.show(['run', 'logs', run.id])
}

async function checkDigest({ panda, receiver, signingSecret, mail }: Show, pictures: number): Promise<void> {
  step('the digest by hand, now: it fails, and its exit code says why')
  await panda.show(['cronjob', 'run', '--name', 'weekly-digest', '--follow'], 5)
  step('the failure reaches the receiver of the alert, signed, with exit code and last lines')
  const failed = await receiver.item('failed', signingSecret, 30_000)
  if (failed.cronjob !== 'weekly-digest' || failed.exitCode !== 77) {
    throw new Error(`the alert tells of something else: ${JSON.stringify(failed)}`)
  }
  say(`  received: ${failed.cronjob} ${failed.message}; last line: ${failed.lastLines.at(-1) ?? ''}`)
  step('with the right key it sends one mail, about the pictures of above, and the alert says that it has recovered')
  await panda.show(['cronjob', 'update', 'weekly-digest', '--env', 'MAIL_API_KEY=the-right-key'])
  await panda.show(['cronjob', 'run', '--name', 'weekly-digest', '--follow'])
  const [sent, ...more] = mail.mails.values()
  if (sent === undefined || more.length > 0) throw new Error(`${mail.mails.size} mails were sent instead of one`)
  if (sent.subject !== `Your week: ${pictures} new pictures`) throw new Error(`the mail says: ${sent.subject}`)
  await receiver.item('recovered', signingSecret, 30_000)
  ok(`the schedule fired, the failure was told, and ${sent.to} has got "${sent.subject}"`)
}
