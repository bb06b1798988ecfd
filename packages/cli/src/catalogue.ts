import type { Command, Entry, Noun } from './command.ts'

/**
 * All commands, in the order of the overview. Only names and summaries: the file of a command is loaded when it is
 * used, so that a start pays for one command and not for fifty.
 */
export const NOUNS: readonly Noun[] = [
  alone('server', 'Start the server', () => import('./commands/server/server.ts')),
  alone('status', 'Show whether the server is ready and what it does', () => import('./commands/status/status.ts')),
  {
    name: 'cronjob',
    aliases: ['cronjobs', 'cj'],
    summary: 'Containers that run on a schedule',
    verbs: [
      verb('create', 'Create a cronjob', () => import('./commands/cronjob/create.ts')),
      verb('list', 'List cronjobs', () => import('./commands/cronjob/list.ts')),
      verb('get', 'Show a cronjob', () => import('./commands/cronjob/get.ts')),
      verb('run', 'Run a cronjob now', () => import('./commands/cronjob/run.ts')),
      verb('runs', 'List the runs of a cronjob', () => import('./commands/cronjob/runs.ts')),
      verb('preview', 'Show when a schedule fires next', () => import('./commands/cronjob/preview.ts')),
      verb('update', 'Change a cronjob', () => import('./commands/cronjob/update.ts')),
      verb('pause', 'Pause a cronjob', () => import('./commands/cronjob/pause.ts')),
      verb('resume', 'Resume a paused cronjob', () => import('./commands/cronjob/resume.ts')),
      verb('delete', 'Delete a cronjob', () => import('./commands/cronjob/delete.ts')),
    ],
  },
  {
    name: 'run',
    aliases: ['runs'],
    summary: 'Runs of cronjobs: results and logs',
    verbs: [
      verb('list', 'List runs', () => import('./commands/run/list.ts')),
      verb('get', 'Show a run', () => import('./commands/run/get.ts')),
      verb('logs', 'Show the log of a run', () => import('./commands/run/logs.ts')),
      verb('cancel', 'Cancel a run', () => import('./commands/run/cancel.ts')),
      verb('replay', 'Run once more what was run before', () => import('./commands/run/replay.ts')),
    ],
  },
  {
    name: 'app',
    aliases: ['apps'],
    summary: 'Containers that keep running: workers, consumers',
    verbs: [
      verb('deploy', 'Deploy an app, or its next revision', () => import('./commands/app/deploy.ts')),
      verb('list', 'List apps', () => import('./commands/app/list.ts')),
      verb('get', 'Show an app and its instances', () => import('./commands/app/get.ts')),
      verb('logs', 'Show the logs of all instances', () => import('./commands/app/logs.ts')),
      verb('stats', 'Show memory and CPU of each instance', () => import('./commands/app/stats.ts')),
      verb('exec', 'Run a command in an instance', () => import('./commands/app/exec.ts')),
      verb('scale', 'Set how many instances run', () => import('./commands/app/scale.ts')),
      verb('restart', 'Replace all instances', () => import('./commands/app/restart.ts')),
      verb('stop', 'Stop an app', () => import('./commands/app/stop.ts')),
      verb('start', 'Start a stopped app', () => import('./commands/app/start.ts')),
      verb('revisions', 'List the revisions of an app', () => import('./commands/app/revisions.ts')),
      verb('rollback', 'Go back to an earlier revision', () => import('./commands/app/rollback.ts')),
      verb('delete', 'Delete an app', () => import('./commands/app/delete.ts')),
    ],
  },
  {
    name: 'queue',
    aliases: ['queues'],
    summary: 'Queues: jobs, workers, dead letters',
    verbs: [
      verb('list', 'List queues', () => import('./commands/queue/list.ts')),
      verb('get', 'Show a queue: counts, limits, workers', () => import('./commands/queue/get.ts')),
      verb('stats', 'Show the numbers of a queue', () => import('./commands/queue/stats.ts')),
      verb('top', 'Watch queues and their rates', () => import('./commands/queue/top.ts')),
      verb('jobs', 'List jobs of a queue', () => import('./commands/queue/jobs.ts')),
      verb('job', 'Show a job', () => import('./commands/queue/job.ts')),
      verb('add', 'Add a job', () => import('./commands/queue/add.ts')),
      verb('retry', 'Run an ended job once more', () => import('./commands/queue/retry.ts')),
      verb('redrive', 'Run dead letters once more', () => import('./commands/queue/redrive.ts')),
      verb('cancel', 'Cancel a job', () => import('./commands/queue/cancel.ts')),
      verb('drain', 'Cancel all jobs that wait', () => import('./commands/queue/drain.ts')),
      verb('pause', 'Pause a queue', () => import('./commands/queue/pause.ts')),
      verb('resume', 'Resume a paused queue', () => import('./commands/queue/resume.ts')),
    ],
  },
  {
    name: 'event',
    aliases: ['events'],
    summary: 'Events: publish, watch, types',
    verbs: [
      verb('publish', 'Publish an event', () => import('./commands/event/publish.ts')),
      verb('tail', 'Show the events that were published', () => import('./commands/event/tail.ts')),
      verb('types', 'List event types and who listens', () => import('./commands/event/types.ts')),
      verb('check', 'Check event types for incompatible changes', () => import('./commands/event/check.ts')),
    ],
  },
  {
    name: 'subscription',
    aliases: ['subscriptions', 'sub'],
    summary: 'Subscriptions: who gets which events, how far behind',
    verbs: [
      verb('list', 'List subscriptions', () => import('./commands/subscription/list.ts')),
      verb('get', 'Show a subscription', () => import('./commands/subscription/get.ts')),
      verb('lag', 'Show how far behind consumers are', () => import('./commands/subscription/lag.ts')),
      verb('pause', 'Pause a subscription', () => import('./commands/subscription/pause.ts')),
      verb('resume', 'Resume a paused subscription', () => import('./commands/subscription/resume.ts')),
      verb('replay', 'Deliver events of the log once more', () => import('./commands/subscription/replay.ts')),
      verb('delete', 'Delete a subscription', () => import('./commands/subscription/delete.ts')),
    ],
  },
  {
    name: 'deadletter',
    aliases: ['deadletters', 'dl'],
    summary: 'Events that will not be tried again by themselves',
    verbs: [
      verb('list', 'List dead letters', () => import('./commands/deadletter/list.ts')),
      verb('show', 'Show a dead letter', () => import('./commands/deadletter/show.ts')),
      verb('redrive', 'Deliver dead letters anew', () => import('./commands/deadletter/redrive.ts')),
      verb('edit', 'Deliver a dead letter with another payload', () => import('./commands/deadletter/edit.ts')),
      verb('drop', 'Throw dead letters away', () => import('./commands/deadletter/drop.ts')),
    ],
  },
  {
    name: 'topology',
    aliases: [],
    summary: 'What the broker has, against what is declared',
    verbs: [
      verb('plan', 'Show what would change at the broker', () => import('./commands/topology/plan.ts')),
      verb('apply', 'Make the broker as declared', () => import('./commands/topology/apply.ts')),
    ],
  },
  {
    name: 'env',
    aliases: ['envs'],
    summary: 'Variables for every cronjob of the project',
    verbs: [
      verb('set', 'Set variables', () => import('./commands/env/set.ts')),
      verb('list', 'List variables', () => import('./commands/env/list.ts')),
      verb('unset', 'Unset variables', () => import('./commands/env/unset.ts')),
    ],
  },
  {
    name: 'secret',
    aliases: ['secrets'],
    summary: 'Secrets and logins of image registries',
    verbs: [
      verb('set', 'Set secrets, or the login of a registry', () => import('./commands/secret/set.ts')),
      verb('list', 'List secrets', () => import('./commands/secret/list.ts')),
      verb('unset', 'Unset secrets', () => import('./commands/secret/unset.ts')),
    ],
  },
  {
    name: 'alert',
    aliases: ['alerts'],
    summary: 'Messages when a cronjob fails, is late, recovers',
    verbs: [
      verb('create', 'Create an alert', () => import('./commands/alert/create.ts')),
      verb('list', 'List alerts', () => import('./commands/alert/list.ts')),
      verb('get', 'Show an alert', () => import('./commands/alert/get.ts')),
      verb('test', 'Send a test message', () => import('./commands/alert/test.ts')),
      verb('deliveries', 'Show what became of the messages', () => import('./commands/alert/deliveries.ts')),
      verb(
        'rotate-secret',
        'Replace the signing secret of a webhook',
        () => import('./commands/alert/rotate-secret.ts'),
      ),
      verb('delete', 'Delete an alert', () => import('./commands/alert/delete.ts')),
    ],
  },
  {
    name: 'project',
    aliases: ['projects'],
    summary: 'Namespaces with their own cronjobs and settings',
    verbs: [
      verb('list', 'List projects', () => import('./commands/project/list.ts')),
      verb('create', 'Create a project', () => import('./commands/project/create.ts')),
      verb('delete', 'Delete a project', () => import('./commands/project/delete.ts')),
    ],
  },
  {
    name: 'token',
    aliases: ['tokens'],
    summary: 'Tokens for the API and for panda login',
    verbs: [
      verb('create', 'Create a token', () => import('./commands/token/create.ts')),
      verb('list', 'List tokens', () => import('./commands/token/list.ts')),
      verb('revoke', 'Revoke a token', () => import('./commands/token/revoke.ts')),
    ],
  },
  alone('apply', 'Make a project look as panda.yaml says', () => import('./commands/manifest/apply.ts')),
  alone('validate', 'Check a panda.yaml without a server', () => import('./commands/manifest/validate.ts')),
  alone(
    'import',
    'Turn a crontab or Kubernetes CronJobs into a panda.yaml',
    () => import('./commands/manifest/import.ts'),
  ),
  alone('login', 'Save a login for a server', () => import('./commands/login/login.ts')),
  alone('logout', 'Forget a login', () => import('./commands/logout/logout.ts')),
  {
    name: 'context',
    aliases: ['contexts'],
    summary: 'Saved logins, and which one is used',
    verbs: [
      verb('list', 'List saved logins', () => import('./commands/context/list.ts')),
      verb('use', 'Choose the login for the next commands', () => import('./commands/context/use.ts')),
      verb('delete', 'Delete a saved login', () => import('./commands/context/delete.ts')),
    ],
  },
  alone('completion', 'Print a completion script for a shell', () => import('./commands/completion/completion.ts')),
  {
    ...alone('complete', 'Answer the completion script', () => import('./commands/complete/complete.ts')),
    hidden: true,
  },
]

function verb(name: string, summary: string, load: () => Promise<{ command: Command }>): Entry {
  return { name, summary, load: async () => (await load()).command }
}

/** A noun that is a command itself. */
function alone(name: string, summary: string, load: () => Promise<{ command: Command }>): Noun {
  return { name, aliases: [], summary, verbs: [], load: async () => (await load()).command }
}
