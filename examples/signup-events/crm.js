// One of the systems that must know. It runs as an app of its own: PANDA_APP=crm names its subscription.
import { Events } from '@pandastack/sdk'

const events = new Events()

await events.subscribe('user.signed_up', async (msg) => {
  await syncContact(msg.email)
})
console.log('listening')

async function syncContact(who) {
  console.log(`made a contact of ${who}`)
}
