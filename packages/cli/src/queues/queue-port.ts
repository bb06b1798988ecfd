import type { AddedJob, AddJob, JobState, JobView, QueueView, Redrive } from '@pandastack/contract'
import type { Page } from '../output/show.ts'

export interface JobsQuery {
  readonly state: JobState
  readonly group?: string | undefined
  readonly limit: number
  readonly cursor?: string | undefined
}

/** What the commands on queues need, whether they go through the server or straight to the store. Failures are CliErrors. */
export interface QueuePort {
  list(): Promise<Page<QueueView>>
  get(queue: string): Promise<QueueView>
  pause(queue: string, paused: boolean): Promise<QueueView>
  jobs(queue: string, query: JobsQuery): Promise<Page<JobView>>
  job(queue: string, id: string): Promise<JobView>
  logs(queue: string, id: string): Promise<readonly string[]>
  add(queue: string, job: AddJob): Promise<AddedJob>
  retry(queue: string, id: string, data?: unknown): Promise<JobView>
  cancel(queue: string, id: string, reason: string | undefined): Promise<JobView>
  drain(queue: string): Promise<{ jobs: number }>
  redrive(queue: string, options: Redrive): Promise<{ jobs: number }>
  close(): Promise<void>
}
