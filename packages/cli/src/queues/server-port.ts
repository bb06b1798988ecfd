import type { AddedJob, JobView, QueueView } from '@pandastack/contract'
import { segment, type Client } from '../http/client.ts'
import type { Page } from '../output/show.ts'
import type { QueuePort } from './queue-port.ts'

const path = (queue: string) => `/v1/queues/${segment(queue)}`
const jobPath = (queue: string, id: string) => `${path(queue)}/jobs/${segment(id)}`

/** Queues of the store that the project's env names, through the server. */
export function serverPort(api: Client): QueuePort {
  const { project } = api
  return {
    list: () => api.get<Page<QueueView>>('/v1/queues', project),
    get: (queue) => api.get<QueueView>(path(queue), project),
    pause: (queue, paused) => api.post<QueueView>(`${path(queue)}/${paused ? 'pause' : 'resume'}`, undefined, project),
    jobs: (queue, query) => api.get<Page<JobView>>(`${path(queue)}/jobs`, { ...project, ...query }),
    job: (queue, id) => api.get<JobView>(jobPath(queue, id), project),
    logs: async (queue, id) => (await api.get<{ lines: string[] }>(`${jobPath(queue, id)}/logs`, project)).lines,
    add: (queue, job) => api.post<AddedJob>(`${path(queue)}/jobs`, job, project),
    retry: (queue, id, data) => api.post<JobView>(`${jobPath(queue, id)}/retry`, { data }, project),
    cancel: (queue, id, reason) => api.post<JobView>(`${jobPath(queue, id)}/cancel`, { reason }, project),
    drain: (queue) => api.post<{ jobs: number }>(`${path(queue)}/drain`, undefined, project),
    redrive: (queue, options) => api.post<{ jobs: number }>(`${path(queue)}/redrive`, options, project),
    close: () => Promise.resolve(),
  }
}
