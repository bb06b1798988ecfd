/** The run that a command is about; see find-run.ts for what is understood. */
export const RUN = {
  value: 'RUN',
  text: 'Id of a run, the part shown in lists, or a cronjob for its newest run',
  required: true,
  completes: 'run',
} as const
