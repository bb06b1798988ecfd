import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestServer, type TestServer } from '../support/server.ts'

interface Operation {
  readonly summary?: string
  readonly operationId?: string
  readonly security?: unknown[]
  readonly tags?: string[]
  readonly parameters?: { in: string; name: string; required?: boolean }[]
  readonly requestBody?: { content: Record<string, unknown> }
  readonly responses: Record<string, { description?: string; content?: Record<string, { schema: unknown }> }>
}
interface Document {
  readonly openapi: string
  readonly info: { title: string; version: string }
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> }
}

let server: TestServer
let document: Document
let operations: { key: string; path: string; method: string; operation: Operation }[]
beforeAll(async () => {
  server = await startTestServer()
  document = await server.api.ok<Document>('GET', '/openapi.json')
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      key: `${method.toUpperCase()} ${path}`,
      path,
      method,
      operation,
    })),
  )
})
afterAll(() => server[Symbol.asyncDispose]())

describe('/openapi.json', () => {
  it('is OpenAPI 3.1.0', () => {
    expect(document.openapi).toBe('3.1.0')
    expect(document.info.title).toBe('PandaStack')
    expect(document.info.version).toMatch(/^\d+\.\d+\.\d+/)
    expect(document.components.securitySchemes).toEqual({ token: { type: 'http', scheme: 'bearer' } })
  })

  it('has these operations', () => {
    expect(operations.map(({ key }) => key).toSorted()).toMatchSnapshot()
  })

  it('names no schema that is not there, and has no schema that nobody names', () => {
    const text = JSON.stringify(document)
    const named = new Set([...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name))
    for (const name of named) expect(document.components.schemas, name).toHaveProperty([name ?? ''])
    expect(text.match(/"\$ref":"(?!#\/components\/schemas\/)/g)).toBeNull()
    expect([...named].toSorted()).toEqual(Object.keys(document.components.schemas).toSorted())
    for (const name of ['Cronjob', 'RunDetail', 'Problem', 'Alert', 'Status']) expect(named).toContain(name)
  })

  it('describes every operation whole', () => {
    const ids = new Set<string>()
    for (const { key, path, method, operation } of operations) {
      expect(operation.summary, key).toMatch(/^[A-Z].{5,}[^.]$/)
      expect(operation.tags, key).toHaveLength(1)
      expect(operation.security, key).toEqual([{ token: [] }])
      expect(ids.has(operation.operationId ?? ''), `${key}: operationId ${operation.operationId}`).toBe(false)
      ids.add(operation.operationId ?? '')
      const parameters = operation.parameters ?? []
      for (const [, name] of path.matchAll(/\{(\w+)\}/g)) {
        expect(parameters, key).toContainEqual(expect.objectContaining({ in: 'path', name, required: true }))
      }
      const hasKey = parameters.some(({ in: place, name }) => place === 'header' && name === 'idempotency-key')
      // A conversation cannot be repeated for its answer.
      expect(hasKey, key).toBe(method === 'post' && !('101' in operation.responses))
      if (method === 'put' || method === 'patch')
        expect(Object.keys(operation.requestBody?.content ?? {})).toEqual(['application/json'])
    }
  })

  it('describes every answer, problems too', () => {
    for (const { key, operation } of operations) {
      const statuses = Object.keys(operation.responses)
      expect(
        statuses.filter((status) => status.startsWith('2') || status === '101'),
        key,
      ).toHaveLength(1)
      for (const range of ['4XX', '5XX']) {
        const content = operation.responses[range]?.content
        expect(content, `${key} ${range}`).toEqual({
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
        })
      }
      const done = operation.responses[statuses.find((status) => status.startsWith('2')) ?? '']
      if ('101' in operation.responses || operation.responses['204']) expect(done?.content, key).toBeUndefined()
      else expect(done?.content?.['application/json']?.schema, key).toBeTypeOf('object')
    }
  })
})
