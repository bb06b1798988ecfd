export interface SeenEvent {
  readonly event: string
  readonly id: string | null
  readonly data: unknown
}

/** Server-sent events of a response, comments left out. Written here and not taken from the CLI, as a second reading. */
export async function* readEvents(response: Response): AsyncGenerator<SeenEvent> {
  if (response.body === null) throw new Error('the response has no body')
  let rest = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    rest += chunk
    for (let end = rest.indexOf('\n\n'); end !== -1; end = rest.indexOf('\n\n')) {
      const block = rest.slice(0, end)
      rest = rest.slice(end + 2)
      const event = parse(block)
      if (event !== null) yield event
    }
  }
}

function parse(block: string): SeenEvent | null {
  const fields = new Map<string, string>()
  for (const line of block.split('\n')) {
    const at = line.indexOf(': ')
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 2))
  }
  const data = fields.get('data')
  if (data === undefined) return null
  return { event: fields.get('event') ?? 'message', id: fields.get('id') ?? null, data: JSON.parse(data) }
}
