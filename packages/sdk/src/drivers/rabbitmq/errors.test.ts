import { expect, test } from 'vitest'
import { addressOf } from './address.ts'
import { toPandaError } from './errors.ts'

const address = addressOf('amqp://app:s3cret%40@mq.example:5673/team%2Fone')

test('the label has host, port, vhost and user, never the password', () => {
  expect(address.label).toBe('RabbitMQ at mq.example:5673, vhost "team/one", user "app"')
  expect(address).toMatchObject({ password: 's3cret@', host: 'mq.example', secure: false })
  expect(addressOf('amqp://[::1]/')).toMatchObject({ host: '::1', port: 5_672, vhost: '/', password: 'guest' })
  expect(addressOf('amqps://mq').label).toBe('RabbitMQ at mq:5671, vhost "/", user "guest"')
})

test.each([
  [
    'Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused using PLAIN."',
    'unauthorized',
  ],
  ['Expected ConnectionOpenOk; got <ConnectionClose channel:0>', 'wrong_namespace'],
  ["403 (ACCESS-REFUSED) with message \"ACCESS_REFUSED - access to queue 'q' refused for user 'u'\"", 'no_permission'],
  [
    '406 (PRECONDITION-FAILED) with message "message size 20 is larger than configured max size 16"',
    'payload_too_large',
  ],
  ['connect ECONNREFUSED 127.0.0.1:5672', 'store_away'],
  ['Heartbeat timeout', 'store_away'],
])('%s → %s', (text, code) => {
  const error = toPandaError(new Error(text), address, 'publishing')
  expect(error.code).toBe(code)
  expect(error.message).toContain('mq.example:5673')
})

test('other refusals keep the sentence of the broker', () => {
  const cause = Object.assign(new Error('406 (PRECONDITION-FAILED) with message "inequivalent arg"'), { code: 406 })
  expect(toPandaError(cause, address, 'a declaration')).toMatchObject({
    code: 'store_refused',
    message: 'RabbitMQ at mq.example:5673, vhost "team/one", user "app" refused a declaration: inequivalent arg',
  })
})
