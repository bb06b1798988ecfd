import { PandaError } from '../errors.ts'
import type { ChildLink, NewJob, ParentLink } from './driver.ts'
import type { JobOptions } from './job-options.ts'
import { newJob } from './job-options.ts'
import { encodeJson } from './json.ts'

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

/** @throws PandaError invalid_option, not_json, payload_too_large */
export function planFlow(
  node: FlowNode,
  queue: string,
  limit: number,
  parent: ParentLink | null = null,
): { job: NewJob; ids: FlowIds } {
  const name = node.queue ?? queue
  const children = node.children ?? []
  if (children.length > MAX_CHILDREN)
    throw new PandaError(
      'invalid_option',
      `a job can wait for ${MAX_CHILDREN} children at most, not ${children.length}`,
    )
  const options = node.options ?? {}
  if (options.tx !== undefined || options.idempotencyKey !== undefined) {
    throw new PandaError('invalid_option', 'a job of a flow can have neither tx nor idempotencyKey')
  }
  const body = encodeJson(node.data, `the data of a job of "${name}"`, limit)
  const plain = newJob(body, {}, options, node.tolerant === true ? { tolerant: true } : {})
  const planned = children.map((child) => planFlow(child, name, limit, { queue: name, id: plain.id }))
  const links: ChildLink[] = planned.map(({ job, ids }) => ({ queue: ids.queue, job }))
  return {
    job: { ...plain, parent, children: links },
    ids: { queue: name, id: plain.id, children: planned.map(({ ids }) => ids) },
  }
}
