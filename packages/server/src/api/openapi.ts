import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import {
  alertSchema,
  applyResultSchema,
  attemptSchema,
  cronjobSchema,
  cronjobSpecSchema,
  deliverySchema,
  envVariableSchema,
  logLineSchema,
  manifestSchema,
  previewSchema,
  problemSchema,
  projectSchema,
  runDetailSchema,
  runSchema,
  secretSchema,
  statusSchema,
  tokenSchema,
  warningSchema,
} from '@pandastack/contract'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { VERSION } from '../version.ts'
import { pruneComponents } from './prune-components.ts'

/** Schemas that get a name of their own in the document; the others stand where they are used. */
const NAMED = {
  Alert: alertSchema,
  ApplyResult: applyResultSchema,
  Attempt: attemptSchema,
  Cronjob: cronjobSchema,
  CronjobSpec: cronjobSpecSchema,
  Delivery: deliverySchema,
  EnvVariable: envVariableSchema,
  LogLine: logLineSchema,
  Manifest: manifestSchema,
  Preview: previewSchema,
  Problem: problemSchema,
  Project: projectSchema,
  Run: runSchema,
  RunDetail: runDetailSchema,
  Secret: secretSchema,
  Status: statusSchema,
  Token: tokenSchema,
  Warning: warningSchema,
}
for (const [id, schema] of Object.entries(NAMED)) z.globalRegistry.add(schema, { ...z.globalRegistry.get(schema), id })

/** The document at /openapi.json is made from the route table and the contract's schemas. */
export const openApiOptions: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'PandaStack',
      version: VERSION,
      description:
        'Cronjobs, runs, logs, settings and alerts. Errors are problem documents (RFC 9457) with a stable `code`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: ['cronjobs', 'runs', 'settings', 'alerts', 'projects', 'tokens', 'server'].map((name) => ({ name })),
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  },
  transform: jsonSchemaTransform,
  transformObject: (document) => pruneComponents(jsonSchemaTransformObject(document)),
}
