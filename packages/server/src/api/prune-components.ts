import type { SwaggerTransformObject } from '@fastify/swagger'

type OpenApi = ReturnType<SwaggerTransformObject>
/** The part of it that is looked at here. */
interface Parts {
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> }
}

const REFERENCE = /"\$ref":"#\/components\/schemas\/([^"]+)"/g

/** Leaves out schemas that nothing refers to: the generator writes each in two forms, for reading and for writing. */
export function pruneComponents(document: OpenApi): OpenApi {
  const { components, ...rest } = document as Parts
  const schemas = components?.schemas ?? {}
  const kept = new Set<string>()
  const queue = [JSON.stringify(rest)]
  for (let text = queue.pop(); text !== undefined; text = queue.pop()) {
    for (const [, name] of text.matchAll(REFERENCE)) {
      if (name === undefined || kept.has(name) || !(name in schemas)) continue
      kept.add(name)
      queue.push(JSON.stringify(schemas[name]))
    }
  }
  const left = Object.fromEntries(Object.entries(schemas).filter(([name]) => kept.has(name)))
  return { ...document, components: { ...components, schemas: left } } as OpenApi
}
