import type { Outbound } from '../outbound.ts'
import { textOf, titleOf } from '../render.ts'
import type { Send } from './channel.ts'

/** Slack refuses more than 40,000 characters and cuts blocks at 3,000; Discord takes 2,000, ntfy 4,096 bytes. */
const SLACK_LIMIT = 2900
const DISCORD_LIMIT = 1800
const NTFY_LIMIT_BYTES = 4000

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 2)} …`
}

/** Log lines must not close the code block they are shown in, nor call people (`@channel`, `<!here>`). */
function slackText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('```', "'''")
}

/** Slack's incoming webhooks, which Mattermost and Rocket.Chat take too. */
export function slackChannel(outbound: Outbound): Send<'slack'> {
  return (channel, { payload }, signal) => {
    const text = `*${slackText(cut(titleOf(payload), 500))}*\n\`\`\`${slackText(cut(textOf(payload), SLACK_LIMIT))}\`\`\``
    return outbound.post(channel.url, JSON.stringify({ text }), { 'content-type': 'application/json' }, signal)
  }
}

export function discordChannel(outbound: Outbound): Send<'discord'> {
  return (channel, { payload }, signal) => {
    const body = cut(textOf(payload), DISCORD_LIMIT - 200).replaceAll('```', "'''")
    const content = cut(`**${cut(titleOf(payload), 180)}**\n\`\`\`\n${body}`, DISCORD_LIMIT) + '\n```'
    const json = JSON.stringify({ content, allowed_mentions: { parse: [] } })
    return outbound.post(channel.url, json, { 'content-type': 'application/json' }, signal)
  }
}

/** The title goes into the body: an HTTP header could not carry every character. */
export function ntfyChannel(outbound: Outbound): Send<'ntfy'> {
  return (channel, { payload }, signal) => {
    const text = `${titleOf(payload)}\n\n${textOf(payload)}`
    const body = Buffer.from(text)
      .subarray(0, NTFY_LIMIT_BYTES)
      .toString()
      .replace(/\uFFFD$/, '')
    return outbound.post(channel.url, body, { 'content-type': 'text/plain; charset=utf-8' }, signal)
  }
}
