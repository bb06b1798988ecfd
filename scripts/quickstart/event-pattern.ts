import { waitFor } from '../../test/support/wait-for.ts'
import { ok, step, title } from './say.ts'
import { cronjobWords, deployWords, type Show, untilReady } from './show.ts'

/** Each consumer, and what it writes when it has seen the signup of user 7. */
const CONSUMERS = {
  email: 'mailed a welcome to ada@example.com',
  analytics: 'counted the signup of 7',
  crm: 'made a contact of ada@example.com',
}

export async function showEvents(show: Show): Promise<void> {
  const { panda, engine } = show
  title('3. Something happened, several systems must know: an event with consumers')
  step('three consumers, each an app of its own; the name of the app is the name of its subscription')
  for (const name of Object.keys(CONSUMERS)) {
    await panda.show(deployWords(show, name, `signup-events/${name}.js`, ['--detach']))
  }
  for (const name of Object.keys(CONSUMERS)) await untilReady(show, name)

  step('one signup, published once, by hand: a cronjob that hardly ever comes, run now')
  const producer = ['--', ...engine.program('signup-events/producer.js'), '7', 'ada@example.com']
  await panda.show([...cronjobWords(show, 'signup', '@yearly'), ...producer])
  await panda.show(['cronjob', 'run', 'signup', '--follow'])

  step('each consumer has seen it once')
  for (const [name, line] of Object.entries(CONSUMERS)) {
    await waitFor(`${name} to write "${line}"`, async () => (await timesOf(show, name, line)) > 0, 30_000)
    await panda.show(['app', 'logs', name])
  }
  for (const [name, line] of Object.entries(CONSUMERS)) {
    const times = await timesOf(show, name, line)
    if (times !== 1) throw new Error(`${name} saw the signup ${times} times`)
  }
  await panda.show(['subscription', 'list'])
  ok('one signup: mailed once, counted once, in the CRM once')
}

async function timesOf({ panda }: Show, app: string, line: string): Promise<number> {
  const log = await panda.text(['app', 'logs', app])
  return log.split('\n').filter((each) => each.includes(line)).length
}
