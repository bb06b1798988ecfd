import { CONCURRENCY, MISSED_POLICIES, PULL_POLICIES } from '@pandastack/contract/names'
import { choice, flag, integer, list, text, type OptionValue } from '../../command.ts'

/** What can be said about a cronjob, when it is made and when it is changed. Defaults are the server's. */
export const SPEC_OPTIONS = {
  env: list('KEY=VALUE', 'Variable; not for secrets'),
  envFile: list('FILE', 'Variables from a dotenv file'),
  secret: list('NAME', 'Secret: asked for; NAME=- stdin, NAME@FILE'),
  timezone: text('ZONE', 'IANA name, e.g. Europe/Berlin [UTC]'),
  concurrency: choice(CONCURRENCY, 'forbid, allow, replace, queue overlapping runs [forbid]', 'POLICY'),
  missed: choice(MISSED_POLICIES, 'Ticks while the server was down: skip, last, all [last]', 'POLICY'),
  missedLimit: integer('N', 'With --missed all: run at most the newest N [100]'),
  deadline: text('TIME', 'Skip a run that cannot start by then, or none [none]'),
  timeout: text('TIME', 'Stop an attempt after this, or none [1h]'),
  grace: text('TIME', 'From SIGTERM to SIGKILL [10s]'),
  retries: integer('N', 'Further attempts after a failure [0]', 0),
  backoff: text('WAIT', 'Before a retry: 30s, fixed:30s, exponential:5s..10m'),
  jitter: text('TIME', 'Start up to this much later [0s]'),
  memory: text('SIZE', 'Limit, e.g. 512Mi, 2Gi [512Mi]'),
  cpus: text('N', 'Limit, e.g. 0.5 [1]'),
  pull: choice(PULL_POLICIES, 'Pull the image before a run: always, missing, never', 'POLICY'),
  keep: integer('N', 'Finished runs kept [1000]'),
  entrypoint: text('WORDS', 'Replace the entry point: a JSON array or one word'),
  command: text('WORDS', 'Replace the command: a JSON array, or words after --'),
  suspended: flag('Do not start by schedule until resumed'),
} as const

export type SpecOptions = { readonly [K in keyof typeof SPEC_OPTIONS]: OptionValue<(typeof SPEC_OPTIONS)[K]> }
