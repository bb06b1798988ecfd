const SIGNALS = ['SIGTERM', 'SIGINT'] as const
type Handled = (typeof SIGNALS)[number]

const closers = new Set<() => Promise<void>>()
let installed = false

/**
 * At SIGTERM or SIGINT (a deploy, a stop, Ctrl-C) runs all closers at the same time, then ends the process by the same
 * signal, so that its exit status is the usual one. A second signal ends it at once. An application that handles the signal
 * itself keeps the last word: then only the closers run.
 * @returns takes the closer back
 */
export function onShutdown(close: () => Promise<void>): () => void {
  closers.add(close)
  if (!installed) {
    installed = true
    for (const signal of SIGNALS) process.on(signal, shutDown)
  }
  return () => {
    closers.delete(close)
    if (closers.size === 0) uninstall()
  }
}

function uninstall(): void {
  installed = false
  for (const signal of SIGNALS) process.off(signal, shutDown)
}

function shutDown(signal: Handled): void {
  const running = [...closers]
  closers.clear()
  uninstall()
  void closeAll(running, signal)
}

async function closeAll(running: readonly (() => Promise<void>)[], signal: Handled): Promise<void> {
  for (const end of await Promise.allSettled(running.map((close) => close()))) {
    if (end.status === 'rejected')
      process.emitWarning(`closing at ${signal} failed: ${String(end.reason)}`, 'PandaWarning')
  }
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
}
