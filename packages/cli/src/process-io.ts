import type { Io, Sink } from './io.ts'
import { EXIT } from './exit-codes.ts'

/** The real terminal. Node opens each of its streams at the first look, which takes a millisecond or two. */
export function processIo(): Io {
  const guarded = new Set<Sink>()
  return {
    get stdout() {
      return guard(process.stdout, guarded)
    },
    get stderr() {
      return guard(process.stderr, guarded)
    },
    get stdin() {
      return process.stdin
    },
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

/** `panda … | head` closes the pipe: that is no error of ours, and there is nobody left to tell. */
function guard(stream: Sink, guarded: Set<Sink>): Sink {
  if (guarded.has(stream)) return stream
  guarded.add(stream)
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
    throw error
  })
  return stream
}
