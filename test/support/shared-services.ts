/**
 * What a whole test run shares: started at the first request of any test file, stopped at the end of the run.
 *
 * Test files run in processes of their own that come and go, so vitest's main process owns the services. Its global
 * setup opens a small HTTP door on loopback and writes the address to the environment, which the test processes
 * inherit. A run that asks for nothing starts nothing. Outside vitest (a benchmark), the asking process is the owner and
 * calls `stopSharedServices` itself.
 */
export type ServiceName = 'postgres' | 'redis' | 'docker' | 'registry' | 'rabbitmq'
export type ServiceValues = Readonly<Record<string, string>>

export interface RunningService {
  /** What the test processes need to know; passed on as JSON. */
  readonly values: ServiceValues
  stop(): Promise<void>
}

export const doorVariable = 'PANDA_TEST_SERVICES'

const running = new Map<ServiceName, Promise<RunningService>>()

/** Loaded on demand: most test files need none of them. */
const starters: Record<ServiceName, () => Promise<RunningService>> = {
  postgres: async () => (await import('./shared-postgres.ts')).startSharedPostgres(),
  redis: async () => (await import('./shared-redis.ts')).startSharedRedis(),
  docker: async () => (await import('./shared-docker.ts')).startSharedDocker(),
  registry: async () => (await import('./shared-registry.ts')).startSharedRegistry(),
  rabbitmq: async () => (await import('./rabbitmq.ts')).startSharedRabbit(),
}

export function isServiceName(name: string): name is ServiceName {
  return Object.hasOwn(starters, name)
}

/** The values of the run's service, started if this is the first request. */
export async function sharedService(name: ServiceName): Promise<ServiceValues> {
  const door = process.env[doorVariable]
  if (door === undefined) return (await startOnce(name)).values
  const response = await fetch(`${door}/${name}`)
  const text = await response.text()
  if (!response.ok) throw new Error(`${name} for the tests did not start: ${text}`)
  return toValues(JSON.parse(text))
}

/** In the owner only. A failed start is not repeated: every test file would wait for it again. */
export async function startOnce(name: ServiceName): Promise<RunningService> {
  const known = running.get(name)
  if (known !== undefined) return known
  const started = starters[name]()
  running.set(name, started)
  return started
}

/** In the owner only. Stops in the reverse order of the first requests; tries all before it reports a failure. */
export async function stopSharedServices(): Promise<void> {
  const failures: unknown[] = []
  for (const [name, started] of [...running].toReversed()) {
    running.delete(name)
    const [outcome] = await Promise.allSettled([started])
    // A failed start has been reported to whoever asked.
    if (outcome?.status !== 'fulfilled') continue
    const [stopped] = await Promise.allSettled([outcome.value.stop()])
    if (stopped?.status === 'rejected') failures.push(stopped.reason)
  }
  if (failures.length > 0) throw new AggregateError(failures, 'services of the tests could not be stopped')
}

function toValues(value: unknown): ServiceValues {
  if (typeof value !== 'object' || value === null) throw new TypeError('expected an object from the shared services')
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text)]))
}
