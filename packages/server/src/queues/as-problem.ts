import { INPUT_CODES, problemTranslator } from '../sdk/problem-translator.ts'

/** An error of a queue as one of the API; everything else as it is. */
export const asProblem = problemTranslator({
  codes: {
    ...INPUT_CODES,
    invalid_url: 'queue_store_unusable',
    client_missing: 'queue_store_unusable',
    unauthorized: 'queue_store_unusable',
    read_only: 'queue_store_unusable',
    unsupported_version: 'queue_store_unusable',
    unsafe_store: 'queue_store_unusable',
    store_refused: 'queue_store_unusable',
    store_away: 'queue_store_away',
    closed: 'queue_store_away',
    queue_not_found: 'not_found',
    job_not_found: 'not_found',
    wrong_state: 'job_wrong_state',
  },
  notFoundHint: 'See `panda queue list` and `panda queue jobs QUEUE`.',
  keepsHint: true,
})
