// One of the systems that must know. It runs as an app of its own: PANDA_APP=email names its subscription.
import { Events } from '@pandastack/sdk'

const events = new Events()

await events.subscribe('user.signed_up', async (msg) => {
  await sendWelcomeEmail(msg.email)
})
console.log('listening')

async function sendWelcomeEmail(who) {
  console.log(`mailed a welcome to ${who}`)
}
