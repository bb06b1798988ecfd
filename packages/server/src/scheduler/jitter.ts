/**
 * How much later than its due time a tick starts: the same for the same cronjob and due time on every server, spread
 * evenly over `[0, jitterMs)`. FNV-1a with a final mix, since neighbouring due times differ in few bits.
 */
export function jitterOf(cronjobId: string, dueAtMs: number, jitterMs: number): number {
  if (jitterMs <= 0) return 0
  let hash = 0x811c9dc5
  const text = `${cronjobId}@${dueAtMs}`
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  const unit = ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
  return Math.floor(unit * jitterMs)
}
