import type { JsonSchema } from './catalog.ts'
import type { Misfit } from './misfit.ts'
import { isSchema } from './schema-parts.ts'

type Keywords = Exclude<JsonSchema, boolean>
type Inner = (reader: JsonSchema, writer: JsonSchema, path: string) => Misfit[]

export function propertyMisfits(reads: Keywords, writes: Keywords, path: string, inner: Inner): Misfit[] {
  const [read, write] = [propertiesOf(reads), propertiesOf(writes)]
  const always = new Set(requiredOf(writes))
  const found: Misfit[] = []
  for (const name of requiredOf(reads))
    if (!always.has(name)) found.push({ kind: 'required', path: at(path, name), what: 'may be absent' })
  for (const [name, schema] of Object.entries(write)) {
    const wanted = Object.hasOwn(read, name) ? read[name] : reads['additionalProperties']
    if (wanted === false && !Object.hasOwn(read, name))
      found.push({ kind: 'closed', path: at(path, name), what: 'no further property is taken' })
    else if (isSchema(wanted)) found.push(...inner(wanted, schema, at(path, name)))
  }
  const [more, moreWritten] = [reads['additionalProperties'], writes['additionalProperties']]
  if (isSchema(more) && typeof more === 'object' && isSchema(moreWritten) && moreWritten !== false)
    found.push(...inner(more, moreWritten, at(path, '*')))
  return found
}

export function itemMisfits(reads: Keywords, writes: Keywords, path: string, inner: Inner): Misfit[] {
  const [read, write] = [prefixOf(reads), prefixOf(writes)]
  const found: Misfit[] = []
  const { items } = reads
  write.forEach((schema, index) => {
    const wanted = read[index] ?? items
    if (isSchema(wanted)) found.push(...inner(wanted, schema, `${path}[${index}]`))
  })
  const rest = writes['items']
  if (rest === false) return found
  for (const wanted of [...read.slice(write.length), ...(isSchema(items) ? [items] : [])])
    found.push(...inner(wanted, isSchema(rest) ? rest : true, `${path}[]`))
  return found
}

function propertiesOf(schema: Keywords): Readonly<Record<string, JsonSchema>> {
  return (schema['properties'] ?? {}) as Record<string, JsonSchema>
}

function requiredOf(schema: Keywords): readonly string[] {
  return (schema['required'] ?? []) as string[]
}

function prefixOf(schema: Keywords): readonly JsonSchema[] {
  return (schema['prefixItems'] ?? []) as JsonSchema[]
}

function at(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}
