import { CliError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { JsonSchema } from './catalog.ts'

const TARGET = { target: 'draft-2020-12' } as const

interface StandardJson {
  readonly '~standard'?: {
    readonly vendor?: string
    readonly jsonSchema?: { readonly input?: (options: typeof TARGET) => JsonSchema }
  }
  /** ArkType's own way. */
  readonly toJsonSchema?: () => JsonSchema
}

/**
 * A schema as JSON Schema, of what goes over the wire: before transforms. By Standard JSON Schema
 * (https://standardschema.dev/json-schema), which zod 4.2, ArkType 2.1.28 and others have; valibot by its `toStandardJsonSchema`.
 * @throws CliError schema_unreadable
 */
export function jsonSchemaOf(type: string, schema: unknown): JsonSchema {
  const { '~standard': standard, toJsonSchema } = schema as StandardJson
  try {
    if (standard?.jsonSchema?.input !== undefined) return cleaned(standard.jsonSchema.input(TARGET))
    if (typeof toJsonSchema === 'function') return cleaned(toJsonSchema.call(schema))
  } catch (error) {
    throw unreadable(type, error instanceof Error ? error.message : String(error), error)
  }
  throw unreadable(type, `the library ${standard?.vendor ?? 'that made it'} gives no JSON Schema of it`)
}

/** Plain JSON, without what says nothing about values. */
function cleaned(schema: JsonSchema): JsonSchema {
  if (typeof schema === 'boolean') return schema
  const { $schema: _draft, ...rest } = JSON.parse(JSON.stringify(schema)) as Record<string, unknown>
  return rest
}

function unreadable(type: string, why: string, cause?: unknown): CliError {
  return new CliError(`the schema of ${type} cannot be turned into JSON Schema: ${why}`, {
    code: 'schema_unreadable',
    exitCode: EXIT.usage,
    hint: 'Use a library with Standard JSON Schema (zod 4.2 or newer, ArkType, valibot by toStandardJsonSchema).',
    cause,
  })
}
