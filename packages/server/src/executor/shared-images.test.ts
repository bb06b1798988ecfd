import { describe, expect, it } from 'vitest'
import type { EnsuredImage, EnsureImageOptions } from '../runtime/driver.ts'
import { SharedImages } from './shared-images.ts'

const MAILER: EnsuredImage = { image: 'mailer@sha256:1', digest: 'sha256:1' }
const PLAIN = { pull: 'missing', auth: null } as const

interface Call {
  readonly image: string
  readonly options: EnsureImageOptions
  answer(): void
  refuse(error: Error): void
}

/** An engine whose answers are given by the test. */
function engine() {
  const calls: Call[] = []
  const ensureImage = (image: string, options: EnsureImageOptions): Promise<EnsuredImage> =>
    new Promise((resolve, reject) => {
      calls.push({ image, options, answer: () => resolve(MAILER), refuse: reject })
    })
  return { calls, images: new SharedImages({ ensureImage }) }
}

describe('SharedImages', () => {
  it('asks once for all who want the same meanwhile, and anew for the next', async () => {
    const { calls, images } = engine()
    const wanted = [1, 2, 3].map(() => images.want('mailer:1', PLAIN))
    expect(calls).toHaveLength(1)
    calls[0]?.answer()
    expect(await Promise.all(wanted.map((one) => one.image))).toEqual([MAILER, MAILER, MAILER])
    images.want('mailer:1', PLAIN)
    expect(calls).toHaveLength(2)
  })

  it('asks apart for another image, policy or login', () => {
    const { calls, images } = engine()
    const auth = { username: 'a', password: 'b' }
    images.want('mailer:1', PLAIN)
    images.want('mailer:2', PLAIN)
    images.want('mailer:1', { ...PLAIN, pull: 'always' })
    images.want('mailer:1', { ...PLAIN, auth })
    images.want('mailer:1', { ...PLAIN, auth: { ...auth, password: 'c' } })
    images.want('mailer:1', { ...PLAIN, auth: { ...auth } })
    expect(calls).toHaveLength(5)
  })

  it('tells at once whether the image was there', async () => {
    const { calls, images } = engine()
    const there = images.want('mailer:1', PLAIN)
    const pulled = images.want('mailer:2', PLAIN)
    calls[0]?.answer()
    expect(await there.isThere).toBe(true)
    expect(await pulled.isThere).toBe(false)
  })

  it('gives the pull up with the last who wanted it, not before', () => {
    const { calls, images } = engine()
    const first = images.want('mailer:1', PLAIN)
    const second = images.want('mailer:1', PLAIN)
    first.leave()
    expect(calls[0]?.options.signal?.aborted).toBe(false)
    second.leave()
    expect(calls[0]?.options.signal?.aborted).toBe(true)
    // Who comes now does not get the one that was given up.
    images.want('mailer:1', PLAIN)
    expect(calls).toHaveLength(2)
  })

  it('tells all of a refusal', async () => {
    const { calls, images } = engine()
    const wanted = [1, 2].map(() => images.want('mailer:1', PLAIN))
    calls[0]?.refuse(new Error('no such image'))
    const results = await Promise.allSettled(wanted.map((one) => one.image))
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected'])
    expect(await wanted[0]?.isThere).toBe(true)
  })
})
