import { describe, expect, it } from 'vitest'
import { pullError } from './pull.ts'

describe('pullError', () => {
  // What dockerd 20.10 says, word for word.
  it.each([
    ['manifest for 127.0.0.1:5000/x:1 not found: manifest unknown: manifest unknown', 'image-not-found'],
    ['manifest for redis:nope not found: manifest unknown: manifest unknown', 'image-not-found'],
    ['Get "http://127.0.0.1:5000/v2/x/manifests/1": no basic auth credentials', 'registry-refused'],
    ['unauthorized: authentication required', 'registry-refused'],
    ['denied: requested access to the resource is denied', 'registry-refused'],
    ['Head "https://ghcr.io/v2/x/manifests/1": denied', 'registry-refused'],
    ['error parsing HTTP 403 response body', 'registry-refused'],
    ['Get "https://reg.example/v2/": dial tcp: lookup reg.example: no such host', 'registry-away'],
    ['Get "http://127.0.0.1:9/v2/": dial tcp 127.0.0.1:9: connect: connection refused', 'registry-away'],
    ['net/http: request canceled while waiting for connection (Client.Timeout exceeded)', 'registry-away'],
    ['toomanyrequests: You have reached your pull rate limit', 'registry-away'],
    ['received unexpected HTTP status: 503 Service Unavailable', 'registry-away'],
    ['failed to register layer: write /usr/lib/x.so: no space left on device', 'engine-away'],
  ])('%s', (message, code) => {
    expect(pullError(message, false)).toMatchObject({ code, message })
  })

  it('takes what Docker Hub hides for missing without a login, for refused with one', () => {
    const message =
      "pull access denied for your-org/mailer, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
    expect(pullError(message, false).code).toBe('image-not-found')
    expect(pullError(message, true).code).toBe('registry-refused')
  })
})
