import { INPUT_CODES, problemTranslator } from '../sdk/problem-translator.ts'

/** An error of events as one of the API; everything else as it is. */
export const asProblem = problemTranslator({
  codes: {
    ...INPUT_CODES,
    no_store: 'event_broker_missing',
    invalid_url: 'event_broker_unusable',
    client_missing: 'event_broker_unusable',
    unauthorized: 'event_broker_unusable',
    no_permission: 'event_broker_unusable',
    wrong_namespace: 'event_broker_unusable',
    read_only: 'event_broker_unusable',
    unsupported_version: 'event_broker_unusable',
    unsafe_store: 'event_broker_unusable',
    store_refused: 'event_broker_unusable',
    store_away: 'event_broker_away',
    closed: 'event_broker_away',
    no_log: 'event_log_missing',
    no_subscription: 'not_found',
    letter_not_found: 'not_found',
  },
  notFoundHint: 'See `panda subscription list` and `panda deadletter list`.',
  keepsHint: false,
})
