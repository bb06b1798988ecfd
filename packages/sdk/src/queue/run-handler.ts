import type { Run, Settle } from './runs.ts'
import { PandaError } from '../errors.ts'
import type { BatchHandler, Handler } from './handler.ts'
import type { JobTools, Running, RunningJob } from './running-job.ts'
import type { Processed, Tracing } from './tracing.ts'

/** Calls a handler per job, with no more wrapping than its own promise. */
export function runEach<T, R>(handler: Handler<T, R>, tracing: Tracing | null): Run {
  return (jobs, settle) => {
    for (const running of jobs) {
      // The consumer has checked the data, as far as they can be checked.
      const job = running as RunningJob as RunningJob<T>
      if (tracing === null || !tracing.active()) watch(running, settle, handler, job)
      else
        watch(running, settle, (one, tools) => tracing.processing(processed(running), () => handler(one, tools)), job)
    }
  }
}

function processed({ queue, id, attempt, settings }: Running): Processed {
  return { destination: queue, id, carrier: settings.trace, attributes: { 'panda.job.attempt': attempt } }
}

function watch<T>(
  running: Running,
  settle: Settle,
  handler: (job: RunningJob<T>, tools: JobTools) => unknown,
  job: RunningJob<T>,
): void {
  let answer: unknown
  try {
    answer = handler(job, job)
  } catch (error) {
    return settle.threw(running, error)
  }
  if (!isPromise(answer)) return settle.returned(running, answer)
  answer.then(
    (value) => settle.returned(running, value),
    (error: unknown) => settle.threw(running, error),
  )
}

export function runBatches<T, R>(handler: BatchHandler<T, R>, tracing: Tracing | null): Run {
  return (jobs, settle) => {
    if (tracing === null || !tracing.active()) return void runBatch(handler, jobs, settle)
    const destination = jobs[0]?.queue ?? ''
    const carriers = jobs.map(({ settings }) => settings.trace)
    const traced: BatchHandler<T, R> = (all) =>
      tracing.processingBatch({ destination, carriers }, async () => handler(all))
    void runBatch(traced, jobs, settle)
  }
}

async function runBatch<T, R>(handler: BatchHandler<T, R>, jobs: readonly Running[], settle: Settle): Promise<void> {
  try {
    const answers = await handler(jobs as readonly RunningJob[] as readonly RunningJob<T>[])
    if (answers !== undefined && answers.length !== jobs.length) {
      throw new PandaError(
        'invalid_option',
        `the batch handler returned ${answers.length} results for ${jobs.length} jobs`,
        {
          hint: 'Return nothing, or one result per job in the same order.',
        },
      )
    }
    jobs.forEach((running, i) => {
      const answer = answers?.[i]
      if (answer instanceof Error) settle.threw(running, answer)
      else settle.returned(running, answer)
    })
  } catch (error) {
    for (const running of jobs) settle.threw(running, error)
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
