import { formatImageReference, parseImageReference } from '@pandastack/contract'
import type { ImageReference } from '@pandastack/contract'
import { z } from 'zod'
import type { EnsuredImage, EnsureImageOptions } from '../driver.ts'
import { RuntimeError } from '../driver.ts'
import type { EngineApi } from './engine-api.ts'
import { refusal } from './engine-api.ts'
import { pullImage } from './pull.ts'
import type { Quirks } from './quirks.ts'

const IMAGE = z.object({ Id: z.string(), RepoDigests: z.array(z.string()).nullish() })
const SHA256 = /^(?:sha256:)?([0-9a-f]{64})$/

/** @throws RuntimeError `image-not-found`, `registry-refused`, `registry-away`, `engine-away`. */
export async function ensureImage(
  api: EngineApi,
  quirks: Quirks,
  image: string,
  options: EnsureImageOptions & { readonly noProgressMs: number },
): Promise<EnsuredImage> {
  const reference = readReference(image)
  const wantsPull = options.pull === 'always' && reference?.digest == null
  const present = wantsPull ? null : await find(api, quirks, image, reference, options.signal)
  if (present !== null) return present
  if (options.pull === 'never' || reference === null) {
    throw new RuntimeError('image-not-found', `the image ${image} is not on this machine and is not to be pulled`)
  }
  const { auth, onProgress, signal, noProgressMs } = options
  await pullImage(api, reference, { auth, onProgress, signal, noProgressMs })
  const pulled = await find(api, quirks, image, reference, signal)
  if (pulled !== null) return pulled
  throw new RuntimeError('image-not-found', `the image ${image} was pulled, but the engine does not show it`)
}

/** null: an image id, which only the engine itself knows. */
function readReference(image: string): ImageReference | null {
  if (SHA256.test(image)) return null
  try {
    return parseImageReference(image)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new RuntimeError('image-not-found', `"${image}" is no image reference: ${why}`, { cause: error })
  }
}

async function find(
  api: EngineApi,
  quirks: Quirks,
  image: string,
  reference: ImageReference | null,
  signal: AbortSignal | undefined,
): Promise<EnsuredImage | null> {
  for (const name of namesOf(image, reference, quirks)) {
    const answer = await api.call({ method: 'GET', path: `/images/${name}/json`, signal })
    if (answer.status === 404) continue
    if (answer.status !== 200)
      throw new RuntimeError('engine-away', `the image cannot be looked up: ${refusal(answer)}`)
    const { Id, RepoDigests } = IMAGE.parse(answer.body)
    const id = `sha256:${SHA256.exec(Id)?.[1] ?? ''}`
    return { image: id, digest: repoDigest(RepoDigests ?? [], reference) ?? id }
  }
  return null
}

function namesOf(image: string, reference: ImageReference | null, quirks: Quirks): string[] {
  if (reference === null) return [image]
  const full = formatImageReference(reference)
  // An image that came from no registry has no digest but its id, which a replay asks for as one.
  if (reference.digest !== null && SHA256.test(reference.digest)) return [full, reference.digest]
  // An image that was built here: Podman keeps it under a registry name of its own.
  const local = quirks.localImagePrefix !== '' && !image.startsWith(reference.registry)
  return local ? [full, `${quirks.localImagePrefix}${image}`] : [full]
}

/** The digest under which this very repository gave the image; the same image can have been pulled from others too. */
function repoDigest(digests: readonly string[], reference: ImageReference | null): string | null {
  if (reference === null) return null
  const wanted = `${reference.registry}/${reference.repository}`
  for (const text of digests) {
    const parsed = parseImageReference(text)
    if (`${parsed.registry}/${parsed.repository}` === wanted) return parsed.digest
  }
  return null
}
