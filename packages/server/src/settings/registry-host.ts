/**
 * The one spelling of a registry's host, as an image reference has it: `https://index.docker.io/v1/` (what `docker login`
 * writes down), `Docker.io` and `docker.io` are one registry.
 */
export function registryHost(written: string): string {
  const host = written
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .replace(/\/(?:v[12]\/?)?$/, '')
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host
}
