import { createTraceState, type TextMapPropagator, trace, type TraceState } from '@opentelemetry/api'

const PARENT = 'traceparent'
const STATE = 'tracestate'

/** What applications have from OpenTelemetry's own packages: the headers of https://www.w3.org/TR/trace-context/. */
export const w3cPropagator: TextMapPropagator & { state(text: string): TraceState } = {
  state: (text) => createTraceState(text),
  inject: (from, carrier, setter) => {
    const span = trace.getSpanContext(from)
    if (span === undefined) return
    setter.set(carrier, PARENT, `00-${span.traceId}-${span.spanId}-0${span.traceFlags}`)
    if (span.traceState !== undefined) setter.set(carrier, STATE, span.traceState.serialize())
  },
  extract: (into, carrier, getter) => {
    const [, traceId, spanId, flags] = String(getter.get(carrier, PARENT)).split('-')
    if (traceId === undefined || spanId === undefined) return into
    const state = getter.get(carrier, STATE)
    return trace.setSpanContext(into, {
      traceId,
      spanId,
      traceFlags: Number(flags),
      isRemote: true,
      ...(typeof state === 'string' && { traceState: createTraceState(state) }),
    })
  },
  fields: () => [PARENT, STATE],
}
