import { PandaError } from '../errors.ts'
import { assertKnown, namesOf } from '../options.ts'
import type { ChildLink, NewJob, ParentLink } from './driver.ts'
import type { JobOptions, RunOptions } from './job-options.ts'
import { newJob } from './job-options.ts'
import { checkQueueName } from './queue-name.ts'
import type { Carrier } from './tracing.ts'

/** A job and the jobs it waits for, which may lie in other queues of the same store. */
export interface FlowNode {
  /** Default: the queue of its parent. */
  readonly queue?: string
  readonly data: unknown
  readonly options?: JobOptions
  readonly children?: readonly FlowNode[]
  /** It runs even when some of its children did not succeed. Default false: then it is dead, with reason `child`. */
  readonly tolerant?: boolean
}

/** The ids of a flow, in the shape in which it was given. */
export interface FlowIds {
  readonly queue: string
  readonly id: string
  readonly children: readonly FlowIds[]
}

/** More would make one message too large for the store. */
const MAX_CHILDREN = 1000

/** What a flow takes from the queue that it is added to. */
export interface FlowRules {
  /** JSON text of data for a job of this queue. @throws PandaError invalid_payload, not_json, payload_too_large */
  readonly encode: (queue: string, data: unknown) => Promise<string>
  readonly defaults: (queue: string) => RunOptions
  readonly trace: Carrier | undefined
}

const NODE = namesOf<FlowNode>({ queue: true, data: true, options: true, children: true, tolerant: true })

/** @throws PandaError invalid_option, and as `encode` does */
export async function planFlow(
  node: FlowNode,
  queue: string,
  rules: FlowRules,
  parent: ParentLink | null = null,
): Promise<{ job: NewJob; ids: FlowIds }> {
  assertKnown(node, NODE, 'a job of a flow')
  const name = node.queue === undefined ? queue : checkQueueName(node.queue)
  const { children = [], options = {}, tolerant } = node
  if (children.length > MAX_CHILDREN)
    throw new PandaError(
      'invalid_option',
      `a job can wait for ${MAX_CHILDREN} children at most, not ${children.length}`,
    )
  if (options.tx !== undefined || options.idempotencyKey !== undefined) {
    throw new PandaError('invalid_option', 'a job of a flow can have neither tx nor idempotencyKey')
  }
  const { trace } = rules
  const more = { ...(tolerant === true && { tolerant }), ...(trace !== undefined && { trace }) }
  const plain = newJob(await rules.encode(name, node.data), rules.defaults(name), options, more)
  const links: ChildLink[] = []
  const ids: FlowIds[] = []
  for (const child of children) {
    const planned = await planFlow(child, name, rules, { queue: name, id: plain.id })
    links.push({ queue: planned.ids.queue, job: planned.job })
    ids.push(planned.ids)
  }
  return { job: { ...plain, parent, children: links }, ids: { queue: name, id: plain.id, children: ids } }
}
