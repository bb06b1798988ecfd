import { PandaError } from '../errors.ts'

/** The part of Standard Schema (https://standardschema.dev, version 1) that is used here: zod, valibot, arktype and others have it. */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/**
 * @param what names the value in the message
 * @throws PandaError invalid_payload, naming the first five issues
 */
export async function validate<T>(schema: StandardSchema<T>, value: unknown, what: string): Promise<T> {
  const result = await schema['~standard'].validate(value)
  if (result.issues === undefined) return result.value
  const issues = result.issues.slice(0, 5).map((issue) => `${pathOf(issue)}${issue.message}`)
  throw new PandaError('invalid_payload', `${what} does not fit its schema: ${issues.join('; ')}`)
}

function pathOf(issue: SchemaIssue): string {
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part))
  return path.length === 0 ? '' : `${path.join('.')}: `
}
