import { PandaError } from '@pandastack/contract'
import { PandaError as EventsError } from '@pandastack/sdk/events'
import { PandaError as QueueError } from '@pandastack/sdk/queue'
import { expect, test } from 'vitest'
import { asProblem as asEventProblem } from '../events/as-problem.ts'
import { asProblem as asQueueProblem } from '../queues/as-problem.ts'

test.each([
  [asQueueProblem, new QueueError('store_away', 'Redis is away'), 'queue_store_away'],
  [asQueueProblem, new QueueError('job_not_found', 'no job 7.'), 'not_found'],
  [asQueueProblem, new QueueError('payload_too_large', '1 MB'), 'too_large'],
  [asEventProblem, new EventsError('no_store', 'no broker'), 'event_broker_missing'],
  [asEventProblem, new EventsError('letter_not_found', 'no letter'), 'not_found'],
  [asEventProblem, new EventsError('not_json', 'a function'), 'invalid_request'],
])('%# an error of the SDK becomes one of the API, as a sentence, with its cause', (translate, error, code) => {
  const problem = translate(error)
  expect(problem).toBeInstanceOf(PandaError)
  expect(problem).toMatchObject({ code, cause: error })
  expect((problem as PandaError).message).toMatch(/[^.]\.$/)
})

test('the hint says where to look for what is not there, and of a queue what the SDK knows', () => {
  expect(asQueueProblem(new QueueError('queue_not_found', 'no queue q'))).toMatchObject({
    hint: expect.stringContaining('panda queue list') as string,
  })
  expect(asEventProblem(new EventsError('no_subscription', 'no s'))).toMatchObject({
    hint: expect.stringContaining('panda subscription list') as string,
  })
  const full = new QueueError('store_refused', 'full', { hint: 'Raise maxmemory.' })
  expect(asQueueProblem(full)).toMatchObject({ hint: 'Raise maxmemory.' })
})

test('what it does not know stays as it is', () => {
  const bug = new TypeError('undefined is not a function')
  const rare = new QueueError('lease_lost', 'taken back')
  expect([asQueueProblem(bug), asQueueProblem(rare), asEventProblem(bug), asEventProblem(rare)]).toEqual([
    bug,
    rare,
    bug,
    rare,
  ])
})
