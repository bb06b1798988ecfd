/** First word of all names at the broker: the given one, else PANDA_EVENTS_NAMESPACE, else the driver's own. */
export function findNamespace(
  given: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): { readonly prefix?: string } {
  const prefix = given ?? env['PANDA_EVENTS_NAMESPACE']
  return prefix === undefined || prefix === '' ? {} : { prefix }
}
