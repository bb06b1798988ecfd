/**
 * An event as it travels: the required attributes of CloudEvents 1.0 (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md)
 * and, as extensions, what retries, ordering and tracing need. `data` is JSON text, so that no driver parses payloads.
 */
export interface EventEnvelope {
  /** ULID, made by the publisher. Together with `source` it names the event for ever. */
  readonly id: string
  /** Who published it: the app's name. */
  readonly source: string
  /** Dotted words, e.g. `user.signed_up`; at most 255 bytes. */
  readonly type: string
  /** RFC 3339 in UTC, when it was published. */
  readonly time: string
  /** JSON text of the payload. */
  readonly data: string
  /** Version of the type's schema; null = none was declared. */
  readonly dataVersion: number | null
  /** Events with the same key keep their order where a subscription asks for it (`order: 'strict'`); null = none. */
  readonly key: string | null
  /** W3C trace context of the publisher. */
  readonly traceparent: string | null
  readonly tracestate: string | null
}
