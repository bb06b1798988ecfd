import fc from 'fast-check'
import { expect, it } from 'vitest'
import { EXEC_FRAMES, type ExecFrame, type ExecFrameKind, execFrame, execFrames, readExecFrames } from './exec.ts'

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size))
}

async function readAll(source: AsyncIterable<Uint8Array>): Promise<ExecFrame[]> {
  const frames: ExecFrame[] = []
  for await (const frame of readExecFrames(source)) frames.push({ ...frame, payload: Buffer.from(frame.payload) })
  return frames
}

it('gives back what was sent, in whatever pieces it comes', async () => {
  const kinds = Object.keys(EXEC_FRAMES) as ExecFrameKind[]
  const frame = fc.record({ kind: fc.constantFrom(...kinds), payload: fc.uint8Array({ maxLength: 40 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 8 }), fc.integer({ min: 1, max: 60 }), async (sent, size) => {
      const bytes = Buffer.concat(sent.map(({ kind, payload }) => execFrame(kind, payload)))
      const expected = sent.map(({ kind, payload }) => ({ kind, payload: Buffer.from(payload) }))
      expect(await readAll(inPieces(bytes, size))).toEqual(expected)
    }),
  )
})

it('splits what is long, and joins it in the time that its length takes', async () => {
  const long = Buffer.alloc(5 * 1024 * 1024, 'panda')
  const frames = [...execFrames('stdout', long)]
  expect(frames).toHaveLength(3)
  const back = await readAll(inPieces(Buffer.concat(frames), 1000))
  expect(Buffer.concat(back.map(({ payload }) => payload)).equals(long)).toBe(true)
  expect([...execFrames('stdin', Buffer.alloc(0))]).toEqual([])
})

it('leaves out kinds of a later version', async () => {
  const later = execFrame('ping', Buffer.from('x'))
  later.writeUInt8(200)
  const bytes = Buffer.concat([later, execFrame('stdout', Buffer.from('y'))])
  expect(await readAll(inPieces(bytes, 3))).toEqual([{ kind: 'stdout', payload: Buffer.from('y') }])
})

it('refuses what is no such conversation', async () => {
  await expect(readAll(inPieces(Buffer.from('HTTP/1.1 400'), 4))).rejects.toThrow('a frame of')
  const cut = execFrame('stdout', Buffer.from('four')).subarray(0, 7)
  await expect(readAll(inPieces(cut, 3))).rejects.toThrow('inside a frame')
})
