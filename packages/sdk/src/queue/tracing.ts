import type { Span } from '@opentelemetry/api'

type Api = typeof import('@opentelemetry/api')
export type Carrier = Readonly<Record<string, string>>
type Attributes = Readonly<Record<string, string | number>>

/** What a handler works on. */
export interface Processed {
  /** The queue, or the type of the event. */
  readonly destination: string
  readonly id: string
  /** What travelled with it. */
  readonly carrier: Carrier | undefined
  readonly attributes: Attributes
}

/** What one call of a batch handler works on. */
export interface ProcessedBatch {
  readonly destination: string
  /** One per job or event; undefined where nothing travelled with it. */
  readonly carriers: readonly (Carrier | undefined)[]
}

export interface PublishingOptions<T> {
  readonly attributes?: Attributes
  /** Begins a trace of its own, whatever is under way: what a timer does belongs to nobody's request. */
  readonly root?: boolean
  /** False: nothing was published (somebody else did), so there is no span. */
  readonly isDone?: (answer: T) => boolean
}

/** Spans by the API package only: they go wherever the application sends its own. */
export interface Tracing {
  /** False while the application has registered no tracer: then nothing is made that would be thrown away. */
  active(): boolean
  /** Runs `publish` in a producer span; the carrier is to travel with the job or event, undefined when nothing is traced. */
  publishing<T>(
    destination: string,
    publish: (carrier: Carrier | undefined) => Promise<T>,
    options?: PublishingOptions<T>,
  ): Promise<T>
  /** Runs the handler in a consumer span, a child of the one that published. */
  processing(processed: Processed, work: () => unknown): Promise<unknown>
  /**
   * Runs a batch handler in one consumer span with a link to each of those that published: it belongs to all their traces,
   * and so to none. An Error among the answers is a failure of its job.
   */
  processingBatch<T>(batch: ProcessedBatch, work: () => T | Promise<T>): Promise<T>
}

let loaded: Promise<Tracing | null> | null = null

/** Null when `@opentelemetry/api` is not installed: it is an optional peer. */
export function loadTracing(): Promise<Tracing | null> {
  loaded ??= import('@opentelemetry/api').then(
    (api) => new ApiTracing(api),
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return null
      throw error
    },
  )
  return loaded
}

class ApiTracing implements Tracing {
  readonly #api: Api
  readonly #none: unknown

  constructor(api: Api) {
    this.#api = api
    this.#none = new api.ProxyTracerProvider().getDelegate()
  }

  active(): boolean {
    const provider = this.#api.trace.getTracerProvider()
    return !(provider instanceof this.#api.ProxyTracerProvider) || provider.getDelegate() !== this.#none
  }

  async publishing<T>(
    destination: string,
    publish: (carrier: Carrier | undefined) => Promise<T>,
    { attributes = {}, root = false, isDone = () => true }: PublishingOptions<T> = {},
  ): Promise<T> {
    const { context, propagation, trace, SpanKind } = this.#api
    const from = root ? this.#api.ROOT_CONTEXT : context.active()
    const span = trace.getTracer('@pandastack/sdk').startSpan(
      `publish ${destination}`,
      {
        kind: SpanKind.PRODUCER,
        attributes: {
          'messaging.system': 'pandastack',
          'messaging.operation.type': 'send',
          'messaging.destination.name': destination,
          ...attributes,
        },
      },
      from,
    )
    const carrier: Record<string, string> = {}
    propagation.inject(trace.setSpan(from, span), carrier)
    let traced = false
    for (const _ in carrier) traced = true
    return this.#end(span, publish(traced ? carrier : undefined), isDone)
  }

  processing({ destination, id, carrier, attributes }: Processed, work: () => unknown): Promise<unknown> {
    const { context, propagation, trace, SpanKind } = this.#api
    const from = carrier === undefined ? context.active() : propagation.extract(context.active(), carrier)
    const all = {
      'messaging.system': 'pandastack',
      'messaging.operation.type': 'process',
      'messaging.destination.name': destination,
      'messaging.message.id': id,
      ...attributes,
    }
    const span = trace
      .getTracer('@pandastack/sdk')
      .startSpan(`process ${destination}`, { kind: SpanKind.CONSUMER, attributes: all }, from)
    return this.#end(
      span,
      context.with(trace.setSpan(from, span), async () => work()),
    )
  }

  processingBatch<T>({ destination, carriers }: ProcessedBatch, work: () => T | Promise<T>): Promise<T> {
    const { context, propagation, trace, SpanKind, SpanStatusCode, ROOT_CONTEXT } = this.#api
    const links = carriers.flatMap((carrier) => {
      const from = carrier && trace.getSpanContext(propagation.extract(ROOT_CONTEXT, carrier))
      return from === undefined ? [] : [{ context: from }]
    })
    const attributes = {
      'messaging.system': 'pandastack',
      'messaging.operation.type': 'process',
      'messaging.destination.name': destination,
      'messaging.batch.message_count': carriers.length,
    }
    const span = trace
      .getTracer('@pandastack/sdk')
      .startSpan(`process ${destination}`, { kind: SpanKind.CONSUMER, attributes, links })
    const told = context.with(trace.setSpan(context.active(), span), async () => {
      const answers = await work()
      const failures = Array.isArray(answers) ? answers.filter((answer) => answer instanceof Error) : []
      for (const failure of failures) span.recordException(failure)
      if (failures.length > 0)
        span.setStatus({ code: SpanStatusCode.ERROR, message: `${failures.length} of ${carriers.length} failed` })
      return answers
    })
    return this.#end(span, told)
  }

  /** A span that is never ended is never seen. */
  async #end<T>(span: Span, work: Promise<T>, isDone: (answer: T) => boolean = () => true): Promise<T> {
    try {
      const answer = await work
      if (isDone(answer)) span.end()
      return answer
    } catch (error) {
      span.recordException(error instanceof Error ? error : String(error))
      span.setStatus({ code: this.#api.SpanStatusCode.ERROR })
      span.end()
      throw error
    }
  }
}
