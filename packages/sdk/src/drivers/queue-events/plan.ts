import type { SubscriptionSpec, TopologyChange } from '../../events/driver.ts'

/** What applying it would change; the order of patterns is of no meaning. */
export function planChanges(before: SubscriptionSpec | null, wanted: SubscriptionSpec): readonly TopologyChange[] {
  const { name } = wanted
  const bound = (pattern: string) => ({ action: 'bind', what: `"${pattern}" will be delivered to ${name}` }) as const
  const patterns = [...new Set(wanted.patterns)]
  if (before === null) {
    const order = wanted.order === 'strict' ? ', in strict order' : ''
    return [{ action: 'create', what: `the subscription ${name}${order}` }, ...patterns.map(bound)]
  }
  const migrated = {
    action: 'migrate',
    what: `the order of ${name}: ${before.order} → ${wanted.order}; what waits is moved`,
  } as const
  return [
    ...(before.order === wanted.order ? [] : [migrated]),
    ...patterns.filter((pattern) => !before.patterns.includes(pattern)).map(bound),
    ...before.patterns
      .filter((pattern) => !patterns.includes(pattern))
      .map((pattern) => ({ action: 'unbind', what: `"${pattern}" will no longer be delivered to ${name}` }) as const),
  ]
}
