// Your API: a user has signed up. Who must know of it is none of its business.
//   node producer.js USER_ID EMAIL
import { Events } from '@pandastack/sdk'

const [userId = '1', email = 'user@example.com'] = process.argv.slice(2)
const events = new Events()

await events.publish('user.signed_up', { userId, email })
console.log(`published the signup of ${email}`)
await events.close()
