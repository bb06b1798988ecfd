// One of the systems that must know. It runs as an app of its own: PANDA_APP=analytics names its subscription.
import { Events } from '@pandastack/sdk'

const events = new Events()

await events.subscribe('user.signed_up', async (msg) => {
  await trackSignup(msg.userId)
})
console.log('listening')

async function trackSignup(who) {
  console.log(`counted the signup of ${who}`)
}
