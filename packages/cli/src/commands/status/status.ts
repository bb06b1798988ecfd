import type { Status } from '@pandastack/contract'
import { defineCommand } from '../../command.ts'
import { plain } from '../../output/clean.ts'
import { show } from '../../output/show.ts'
import { renderFields } from '../../output/table.ts'
import { relative } from '../../output/time.ts'
import type { Session } from '../../session.ts'

export const command = defineCommand({
  args: {},
  options: {},
  details: ['Exit code 1 when the server is not ready.'],
  examples: [
    { line: 'panda status', note: 'is it ready, which engine runs the work, what is going on' },
    { line: 'panda status -o json', note: 'for a script' },
  ],
  async run({ session }) {
    const api = await session.api()
    const status = await api.get<Status>('/v1/status')
    await show(session, status, {
      name: () => status.server,
      human: () => statusText(session, status, `${api.target.url} (from ${api.target.source})`),
    })
    if (status.engine.warning !== null) await session.warn(plain(status.engine.warning))
    else if (!status.engine.up) await session.warn('the container engine does not answer; runs wait until it does')
    return status.ready ? 0 : 1
  },
})

function statusText(session: Session, status: Status, address: string): string {
  const { style } = session
  const now = session.io.now()
  const upOrDown = (up: boolean) => (up ? style.green('up') : style.red('down'))
  const { database, scheduler, engine, servers, counts } = status
  const next = scheduler.nextDueAt === null ? 'nothing is due' : `next ${relative(scheduler.nextDueAt, now)}`
  return renderFields(
    [
      ['Server', `${status.ready ? style.green('ready') : style.red('not ready')}, ${address}`],
      ['Version', `${plain(status.version)}, started ${relative(status.startedAt, now)}`],
      [
        'Database',
        `${upOrDown(database.up)}, ${database.kind} PostgreSQL${database.version === null ? '' : ` ${plain(database.version)}`}${database.kind === 'external' ? ', which gives projects no databases' : ''}`,
      ],
      ['Scheduler', `${upOrDown(scheduler.up)}, ${next}`],
      [
        'Engine',
        `${upOrDown(engine.up)}, ${engine.runtime}${plain(engine.version === null ? '' : ` ${engine.version}`)} at ${plain(engine.address)}`,
      ],
      ['Cronjobs', `${counts.cronjobs}`],
      ['Runs', `${counts.running} running, ${counts.queued} queued, ${counts.failedLastDay} failed in the last 24 h`],
      ...(servers.length < 2 ? [] : servers.map((server) => serverField(server, upOrDown))),
    ],
    style.dim,
  )
}

function serverField(server: Status['servers'][number], upOrDown: (up: boolean) => string): readonly [string, string] {
  return ['', `${plain(server.id)}: ${upOrDown(server.alive)}, ${server.running} running on ${plain(server.engine)}`]
}
