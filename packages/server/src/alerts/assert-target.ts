import { isIP } from 'node:net'
import { type Channel, PandaError } from '@pandastack/contract'
import { addressList } from './address-range.ts'

/** Special-purpose addresses (IANA's registries, RFC 6890) that no alert has to call; IPv4 in IPv6 counts as IPv4. */
const PRIVATE = addressList([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
])

/**
 * Tells a mistake at once that every try would meet. The guard is the check at connect time (outbound.ts), which also
 * sees what a name leads to.
 *
 * @throws PandaError `target_refused` for an address that is private and not on the allow-list
 */
export function assertTarget(channel: Channel, allow: readonly string[], path = 'channel.url'): void {
  if (channel.kind === 'email') return
  const host = new URL(channel.url).hostname.replace(/^\[|\]$/g, '')
  const version = isIP(host)
  if (version === 0) return
  const family = version === 6 ? 'ipv6' : 'ipv4'
  if (!PRIVATE.check(host, family) || addressList(allow).check(host, family)) return
  const message = `${host} is a private address`
  throw new PandaError('target_refused', `${path}: ${message}, which this server may not call.`, {
    errors: [{ path, message }],
  })
}
