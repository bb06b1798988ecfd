/** The cronjob that a command is about: `panda cronjob run weekly-digest` or `--name weekly-digest`. */
export const CRONJOB_NAME = {
  value: 'NAME',
  text: 'Name of the cronjob',
  required: true,
  asOption: true,
  completes: 'cronjob',
} as const
