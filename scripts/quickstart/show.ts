import type { AppDetail } from '@pandastack/contract'
import type { MailApi } from '../../test/support/mail-api.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import type { Engine } from './engine.ts'
import type { Panda } from './panda.ts'
import type { Receiver } from './receiver.ts'

/** What every part of the show is given. */
export interface Show {
  readonly panda: Panda
  readonly engine: Engine
  /** Of the alert. */
  readonly receiver: Receiver
  readonly signingSecret: string
  readonly mail: MailApi
}

/** The words of `panda app deploy` for a file of examples/. */
export function deployWords({ engine }: Show, name: string, file: string, options: readonly string[] = []): string[] {
  const image = ['--image', engine.image, '--pull', 'never']
  return ['app', 'deploy', '--name', name, ...image, ...options, '--', ...engine.program(file)]
}

/** The words of `panda cronjob create` for what comes behind `--`. */
export function cronjobWords(
  { engine }: Show,
  name: string,
  schedule: string,
  options: readonly string[] = [],
): string[] {
  return [
    'cronjob',
    'create',
    '--name',
    name,
    '--image',
    engine.image,
    '--pull',
    'never',
    '--schedule',
    schedule,
    ...options,
  ]
}

/** Waits until the app's newest revision is ready. @returns its first live instance */
export async function untilReady({ panda }: Show, app: string): Promise<string> {
  return waitFor(
    `${app} to be ready`,
    async () => {
      const { revision, readyRevision, instances } = await panda.ask<AppDetail>(['app', 'get', app])
      return revision === readyRevision && instances.find(({ finishedAt }) => finishedAt === null)?.id
    },
    60_000,
  )
}
