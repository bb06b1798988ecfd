import type { Span } from '@opentelemetry/api'
import type { Running } from './running-job.ts'

type Api = typeof import('@opentelemetry/api')
type Carrier = Record<string, string>

/** Spans by the API package only: they go wherever the application sends its own. */
export interface Tracing {
  /** False while the application has registered no tracer: then nothing is made that would be thrown away. */
  active(): boolean
  /** Runs `add` in a producer span; the carrier is to travel with the job, undefined when nothing is traced. */
  adding<T>(queue: string, add: (carrier: Carrier | undefined) => Promise<T>): Promise<T>
  /** Runs the handler in a consumer span, a child of the one that added the job. */
  working(running: Running, work: () => unknown): unknown
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

  async adding<T>(queue: string, add: (carrier: Carrier | undefined) => Promise<T>): Promise<T> {
    const { context, propagation, trace, SpanKind } = this.#api
    const span = trace.getTracer('@pandastack/sdk').startSpan(`publish ${queue}`, {
      kind: SpanKind.PRODUCER,
      attributes: {
        'messaging.system': 'pandastack',
        'messaging.operation.type': 'send',
        'messaging.destination.name': queue,
      },
    })
    const carrier: Carrier = {}
    propagation.inject(trace.setSpan(context.active(), span), carrier)
    let traced = false
    for (const _ in carrier) traced = true
    return this.#end(span, add(traced ? carrier : undefined))
  }

  working(running: Running, work: () => unknown): unknown {
    const { context, propagation, trace, SpanKind } = this.#api
    const from =
      running.settings.trace === undefined
        ? context.active()
        : propagation.extract(context.active(), running.settings.trace)
    const attributes = {
      'messaging.system': 'pandastack',
      'messaging.operation.type': 'process',
      'messaging.destination.name': running.queue,
      'messaging.message.id': running.id,
      'panda.job.attempt': running.attempt,
    }
    const span = trace
      .getTracer('@pandastack/sdk')
      .startSpan(`process ${running.queue}`, { kind: SpanKind.CONSUMER, attributes }, from)
    return this.#end(
      span,
      context.with(trace.setSpan(from, span), async () => work()),
    )
  }

  async #end<T>(span: Span, work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      span.recordException(error instanceof Error ? error : String(error))
      span.setStatus({ code: this.#api.SpanStatusCode.ERROR })
      throw error
    } finally {
      span.end()
    }
  }
}
