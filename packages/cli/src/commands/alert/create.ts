import type { Alert, AlertSpec } from '@pandastack/contract'
import { ALERT_EVENTS, APP_TROUBLES, CHANNEL_KINDS, type ChannelKind } from '@pandastack/contract/names'
import { choice, defineCommand, list, text } from '../../command.ts'
import { usageError } from '../../errors.ts'
import { type Page, show } from '../../output/show.ts'
import { renderFields } from '../../output/table.ts'
import type { Session } from '../../session.ts'
import { subjectWords } from './subject-words.ts'
import { firstFree } from './first-free.ts'

type CreatedAlert = Alert & { readonly signingSecret: string | null }
type ChannelInput = AlertSpec['channel']

export const command = defineCommand({
  args: {
    name: { value: 'NAME', text: 'Name of the alert [its channel, e.g. slack, then slack-2]', asOption: true },
  },
  options: {
    on: list('EVENT', 'What it tells of: see below [all but late and skipped]'),
    channel: choice(CHANNEL_KINDS, 'webhook, slack, discord, ntfy, email', 'KIND'),
    url: text('URL', 'Where to send it, for all but email'),
    to: list('ADDRESS', 'Receiver, for email'),
    cronjob: text('NAME', 'Only for this cronjob', { completes: 'cronjob' }),
    app: text('NAME', 'Only for this app', { completes: 'app' }),
    lateAfter: text('TIME', 'With late: not started so long after its time [1m]'),
    groupFor: text('TIME', 'After a message, collect further events so long [5m]'),
  },
  details: [`Events: ${ALERT_EVENTS.slice(0, 6).join(', ')};`, `of apps: ${APP_TROUBLES.join(', ')}, recovered.`],
  examples: [
    {
      line: 'panda alert create --on failed,missed --channel slack --url https://hooks.slack.com/services/T/B/x',
      note: 'to a Slack channel; the alert is called slack',
    },
    {
      line: 'panda alert create ops --on failed,missed --channel webhook --url https://example.com/hook',
      note: 'signed by Standard Webhooks; prints the signing secret once',
    },
    {
      line: 'panda alert create workers --app thumbnailer --channel ntfy --url https://ntfy.sh/my-workers',
      note: 'when an app keeps crashing, runs out of memory or cannot be deployed, and when it is well again',
    },
    {
      line: 'panda alert create late-mail --on late --late-after 5m --channel email --to ops@example.com',
      note: 'by mail; the server needs PANDA_SMTP_URL',
    },
  ],
  async run({ args, options, session }) {
    const on = options.on.flatMap((events) => events.split(',')).map((event) => event.trim())
    const unknown = on.find((event) => !(ALERT_EVENTS as readonly string[]).includes(event))
    if (unknown !== undefined) throw usageError(`--on: "${unknown}" is not one of ${ALERT_EVENTS.join(', ')}`)
    const channel = channelOf(options.channel, options.url, options.to)
    const api = await session.api()
    const body = {
      name: args.name ?? (await freeName(api, channel.kind)),
      channel,
      ...(on.length === 0 ? {} : { on }),
      ...(options.cronjob === undefined ? {} : { cronjob: options.cronjob }),
      ...(options.app === undefined ? {} : { app: options.app }),
      ...(options.lateAfter === undefined ? {} : { lateAfter: options.lateAfter }),
      ...(options.groupFor === undefined ? {} : { groupFor: options.groupFor }),
    }
    const alert = await api.post<CreatedAlert>('/v1/alerts', body, api.project)
    await show(session, alert, { name: () => alert.name, human: () => created(session, alert) })
    await session.hint(`Try it: panda alert test ${alert.name}`)
  },
})

/** Somebody else may take it in between: the server then refuses ours. */
async function freeName(api: Awaited<ReturnType<Session['api']>>, kind: ChannelKind): Promise<string> {
  const { items } = await api.get<Page<Alert>>('/v1/alerts', api.project)
  return firstFree(
    kind,
    items.map(({ name }) => name),
  )
}

function channelOf(kind: ChannelKind | undefined, url: string | undefined, to: readonly string[]): ChannelInput {
  const chosen = kind ?? (to.length > 0 ? 'email' : undefined)
  if (chosen === undefined) throw usageError('panda alert create needs --channel', 'E.g. --channel webhook --url URL')
  if (chosen === 'email') {
    if (to.length === 0) throw usageError('--channel email needs --to ADDRESS')
    if (url !== undefined) throw usageError('--url is not for --channel email', 'Give --to ADDRESS.')
    return { kind: 'email', to: to.flatMap((addresses) => addresses.split(',')) }
  }
  if (url === undefined) throw usageError(`--channel ${chosen} needs --url URL`)
  if (to.length > 0) throw usageError('--to is only for --channel email')
  return { kind: chosen, url }
}

function created(session: Session, alert: CreatedAlert): string {
  const fields = renderFields(
    [
      ['  On', alert.on.join(', ')],
      ['  For', subjectWords(alert)],
      ['  To', `${alert.channel.kind} ${alert.channel.target}`],
      ['  Signing secret', alert.signingSecret === null ? null : `${alert.signingSecret}  (shown only now)`],
    ],
    session.style.dim,
  )
  return `${session.style.green('Created')} alert ${session.style.bold(alert.name)}.\n${fields}`
}
