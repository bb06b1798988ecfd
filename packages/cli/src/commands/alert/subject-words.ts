import type { Alert } from '@pandastack/contract'

/** What an alert is for. */
export function subjectWords({ cronjob, app }: Pick<Alert, 'cronjob' | 'app'>): string {
  const named = [cronjob === null ? [] : [`cronjob ${cronjob}`], app === null ? [] : [`app ${app}`]].flat()
  return named.length === 0 ? 'all cronjobs and apps' : named.join(', ')
}
