import type { ChannelKind } from '@pandastack/contract'
import type { AlertPayload } from '../payload.ts'

/** What is stored, encrypted, for an alert's channel. */
export type StoredChannel =
  | { readonly kind: 'webhook'; readonly url: string; readonly signingSecret: string }
  | { readonly kind: 'slack'; readonly url: string }
  | { readonly kind: 'discord'; readonly url: string }
  | { readonly kind: 'ntfy'; readonly url: string }
  | { readonly kind: 'email'; readonly to: readonly string[] }

export interface Message {
  /** The same for every try, so that a receiver can tell a repeated one. */
  readonly id: string
  readonly payload: AlertPayload
}

/** Sends one message. @throws when the receiver did not take it. */
export type Send<Kind extends ChannelKind = ChannelKind> = (
  channel: Extract<StoredChannel, { kind: Kind }>,
  message: Message,
  signal?: AbortSignal,
) => Promise<void>
