import { defineConfig } from 'vitest/config'

/** Tests run from the TypeScript source (condition `source`), so no build is needed except for e2e and chaos. */
const resolve = { conditions: ['source'] }
const ssr = { resolve: { conditions: ['source'], externalConditions: ['source'] } }

/** Fault tests that judge how long something took, or fill the machine by themselves: one file at a time. */
const ALONE = [
  'apps-fault-points',
  'containers',
  'dockerd-series',
  'fault-points',
  'frozen-server',
  'queue',
  'redeploys',
  'three-servers',
].map((name) => `test/chaos/${name}.test.ts`)

function project(name: string, include: string[], testTimeout: number, exclude: string[] = []) {
  return {
    resolve,
    ssr,
    test: {
      name,
      include,
      exclude,
      testTimeout,
      hookTimeout: 180_000,
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
    // Vitest takes this for all projects at once: those that need the machine for themselves are started
    // with `--no-file-parallelism` (package.json, scripts/test.mjs).
    poolOptions: { forks: { maxForks: 2 } },
    projects: [
      project('unit', ['packages/*/src/**/*.test.ts'], 30_000),
      project('integration', ['test/integration/**/*.test.ts'], 120_000),
      project('e2e', ['test/e2e/**/*.test.ts'], 240_000),
      // Every PostgreSQL that is promised, poolers, replicas: fetched at the first run. Not part of `npm test`.
      project('compat', ['test/compat/**/*.test.ts'], 120_000),
      project('chaos', ['test/chaos/**/*.test.ts'], 900_000, ALONE),
      project('chaos-alone', ALONE, 900_000),
    ],
  },
})
