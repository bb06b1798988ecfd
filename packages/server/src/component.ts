/** A part of the server that works by itself between start and stop. */
export interface Component {
  readonly name: string
  start(): Promise<void>
  /** Ends new work, waits for what is in flight (bounded), releases what it holds. Safe to call twice. */
  stop(): Promise<void>
}
