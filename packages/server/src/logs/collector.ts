import { collectLogs, type CollectOptions } from './collect.ts'
import type { LogStore } from './log-store.ts'
import { createRedactor } from './redact.ts'

export interface CollectorDeps extends Pick<CollectOptions, 'driver' | 'clock' | 'log'> {
  readonly store: LogStore
}

export interface CollectorRequest {
  readonly runId: string
  readonly attempt: number
  readonly unit: string
  /** Values that must not reach the store. */
  readonly secrets: readonly string[]
  readonly signal: AbortSignal
}

/** Binds the parts: what the executor calls for each attempt that it follows. See {@link collectLogs}. */
export function createLogCollector(deps: CollectorDeps): (request: CollectorRequest) => Promise<void> {
  const { store, ...rest } = deps
  return async ({ runId, attempt, unit, secrets, signal }) => {
    const writer = await store.writer(runId, attempt, { signal })
    await collectLogs({ ...rest, unit, writer, redactor: createRedactor(secrets), signal })
  }
}
