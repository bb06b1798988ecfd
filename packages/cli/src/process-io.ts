import type { Io } from './io.ts'
import { EXIT } from './exit-codes.ts'

/** The real terminal. */
export function processIo(): Io {
  // `panda … | head` closes the pipe: that is no error of ours, and there is nobody left to tell.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(EXIT.ok)
      throw error
    })
  }
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: process.env,
    now: () => new Date(),
    onInterrupt(listener) {
      let times = 0
      const onSignal = () => {
        times += 1
        if (times > 1) process.exit(EXIT.interrupted)
        listener()
      }
      process.on('SIGINT', onSignal)
      return () => {
        process.off('SIGINT', onSignal)
      }
    },
  }
}
