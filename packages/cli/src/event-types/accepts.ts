import { isDeepStrictEqual } from 'node:util'
import type { JsonSchema } from './catalog.ts'

/** Whether one value of an enumeration fits, as far as its type, enumerations and unions say. */
export function accepts(schema: JsonSchema, value: unknown): boolean {
  if (typeof schema === 'boolean') return schema
  if ('const' in schema && !isDeepStrictEqual(schema['const'], value)) return false
  if (Array.isArray(schema['enum']) && !schema['enum'].some((each) => isDeepStrictEqual(each, value))) return false
  const { type } = schema
  if (type !== undefined && !(Array.isArray(type) ? type : [type]).some((each) => isOfType(each, value))) return false
  for (const union of [schema['anyOf'], schema['oneOf']])
    if (Array.isArray(union) && !union.some((each) => accepts(each as JsonSchema, value))) return false
  const { allOf } = schema
  return !Array.isArray(allOf) || allOf.every((each) => accepts(each as JsonSchema, value))
}

function isOfType(type: unknown, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return typeof value === type
}
