const create = (...words: string[]): string[] => ['cronjob', 'create', 'fresh', '--image', 'a/b', ...words]
export const scheduled = (schedule: string): string[] => create('--schedule', schedule)
export const sound = (...words: string[]): string[] => create('--schedule', '@daily', ...words)
export const usage = { exit: 2, code: 'usage' } as const
export const badSchedule = { exit: 2, code: 'invalid_schedule', hint: 'Five fields: minute hour day-of-month' } as const
export const badRequest = { exit: 2, code: 'invalid_request', hint: 'Correct the fields named' } as const
