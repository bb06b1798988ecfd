/** The queue that a command is about. */
export const QUEUE = { value: 'QUEUE', text: 'Name of the queue', required: true } as const
export const JOB = { value: 'JOB', text: 'Id of the job', required: true } as const
