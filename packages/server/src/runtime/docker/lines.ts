import { StringDecoder } from 'node:string_decoder'
import type { EngineApi } from './engine-api.ts'

const MAX_LINE_CHARACTERS = 1024 * 1024

/** The lines of an open answer, empty ones left out. A break in it is told in our words. */
export async function* linesOf(
  response: AsyncIterable<Buffer>,
  api: EngineApi,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const parts = response[Symbol.asyncIterator]()
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for (;;) {
    const part = await next(parts, api, signal)
    if (part.done === true) break
    const lines = (rest + decoder.write(part.value)).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_CHARACTERS) throw new RangeError('the engine sent a line that does not end')
    for (const line of lines) if (line.trim() !== '') yield line
  }
  if (rest.trim() !== '') yield rest
}

async function next<T>(parts: AsyncIterator<T>, api: EngineApi, signal: AbortSignal | undefined) {
  try {
    return await parts.next()
  } catch (error) {
    throw api.broken(error, signal)
  }
}
