import { defineConfig } from 'vitest/config'

/** Tests run from the TypeScript source (condition `source`), so no build is needed except for e2e and chaos. */
const resolve = { conditions: ['source'] }
const ssr = { resolve: { conditions: ['source'], externalConditions: ['source'] } }

function project(name: string, include: string[], testTimeout: number, fileParallelism: boolean) {
  return {
    resolve,
    ssr,
    test: {
      name,
      include,
      testTimeout,
      hookTimeout: 180_000,
      fileParallelism,
      pool: 'forks' as const,
      retry: 0,
      globalSetup: ['./test/support/global-setup.ts'],
    },
  }
}

export default defineConfig({
  test: {
    // Stopping the engine and its containers takes longer than vitest's 10 s.
    teardownTimeout: 90_000,
    // Vitest leaves one core free; our tests wait for databases and engines more than they compute.
    poolOptions: { forks: { maxForks: 2 } },
    projects: [
      project('unit', ['packages/*/src/**/*.test.ts'], 30_000, true),
      project('integration', ['test/integration/**/*.test.ts'], 120_000, true),
      project('e2e', ['test/e2e/**/*.test.ts'], 240_000, false),
      // Every PostgreSQL that is promised, poolers, replicas: fetched at the first run. Not part of `npm test`.
      project('compat', ['test/compat/**/*.test.ts'], 120_000, false),
      project('chaos', ['test/chaos/**/*.test.ts'], 900_000, false),
    ],
  },
})
