import { cronjobSpecSchema } from '@pandastack/contract'
import { describe, expect, it } from 'vitest'
import { patchSpec, specColumns } from './spec-columns.ts'

const spec = cronjobSpecSchema.parse({ image: 'busybox', schedule: '0 8 * * 1', env: { A: '1' } })

describe('specColumns', () => {
  it('copies what the claim reads, durations in milliseconds', () => {
    const columns = specColumns({ ...spec, deadline: '1h30m', jitter: '30s', retry: { ...spec.retry, attempts: 3 } })
    expect(columns).toMatchObject({ deadline_ms: 5_400_000, jitter_ms: 30_000, max_attempts: 3, missed: 'last' })
    expect(specColumns(spec)).toMatchObject({ deadline_ms: null, jitter_ms: 0, concurrency: 'forbid' })
  })
})

describe('patchSpec', () => {
  it('changes only what is named', () => {
    expect(patchSpec(spec, { image: 'alpine', command: undefined })).toEqual({ ...spec, image: 'alpine' })
    expect(patchSpec(spec, {})).toEqual(spec)
    expect(spec.image).toBe('busybox')
  })

  it('replaces env as a whole, and can set to null', () => {
    expect(patchSpec(spec, { env: { B: '2' }, timeout: null })).toMatchObject({ env: { B: '2' }, timeout: null })
  })
})
