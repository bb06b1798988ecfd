// Graphile Worker. After too many errors in a row it ends; whatever supervises the process would start it again.
import { setTimeout as delay } from 'node:timers/promises'
import { Logger, run } from 'graphile-worker'

export function work(connectionString, concurrency, handle) {
  const options = {
    connectionString,
    concurrency,
    noHandleSignals: true,
    logger: new Logger(() => () => undefined),
    taskList: { chaos: ({ n }, { job }) => handle(n, String(job.id)) },
  }
  void runAgainAndAgain(options)
}

async function runAgainAndAgain(options) {
  for (;;) {
    try {
      const runner = await run(options)
      await runner.promise
    } catch {
      // A database that is away is what this is about.
    }
    await delay(500)
  }
}
