import { PandaError } from '../errors.ts'
import { validate } from '../queue/standard-schema.ts'
import type { StandardSchema } from '../queue/standard-schema.ts'
import type { EventEnvelope } from './envelope.ts'
import type { EventMap } from './matching-types.ts'

/** The parameter may be named as narrowly as the upgrade knows it. */
interface UpgradeMethod {
  upgrade(old: unknown): unknown
}
/** The payload of one version, from the payload of the one before. */
export type Upgrade = UpgradeMethod['upgrade']

export interface VersionedEvent<S extends StandardSchema = StandardSchema> {
  /** Of the payload; goes with every event as `dataVersion`. A schema that stands alone is version 1. */
  readonly version: number
  readonly schema: S
  /** By version: makes the payload of the next version. Events of a version without one become dead letters. */
  readonly upgrade?: Readonly<Record<number, Upgrade>>
}
export type EventDefinition = StandardSchema | VersionedEvent
export type EventDefinitions = Readonly<Record<string, EventDefinition>>

type SchemaOf<D> = D extends StandardSchema ? D : D extends VersionedEvent<infer S> ? S : never
/** What is published: before the schema's transforms. */
type InputOf<D> =
  SchemaOf<D> extends { readonly '~standard': { readonly types?: infer T } }
    ? NonNullable<T> extends { readonly input: infer I }
      ? I
      : unknown
    : unknown
/** What a handler gets: behind them. */
type OutputOf<D> =
  SchemaOf<D> extends { readonly '~standard': { readonly types?: infer T } }
    ? NonNullable<T> extends { readonly output: infer O }
      ? O
      : unknown
    : unknown
export type Published<D extends EventDefinitions> = { [T in keyof D & string]: InputOf<D[T]> }
export type Handled<D extends EventDefinitions> = { [T in keyof D & string]: OutputOf<D[T]> }

const TYPE = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/

/** All event types that an application knows, each with its schema. Made by `defineEvents`. */
export class EventTypes<P extends EventMap = EventMap, H extends EventMap = EventMap> {
  /** For the compiler alone. */
  declare readonly '~types': { readonly published: P; readonly handled: H }
  readonly #definitions = new Map<string, Required<VersionedEvent>>()

  /** @throws PandaError invalid_option */
  constructor(definitions: EventDefinitions) {
    for (const [type, definition] of Object.entries(definitions))
      this.#definitions.set(
        type,
        checked(type, '~standard' in definition ? { version: 1, schema: definition } : definition),
      )
  }

  /** By name, for tools. */
  get definitions(): ReadonlyMap<string, Required<VersionedEvent>> {
    return this.#definitions
  }

  /**
   * Checks what is to be published.
   * @returns the version that it is published as
   * @throws PandaError unknown_type, invalid_payload
   */
  async check(type: string, data: unknown): Promise<number> {
    const { version, schema } = this.#definition(type)
    await validate(schema, data, `the payload of ${type}`)
    return version
  }

  /**
   * The payload of an event, brought to the version that is known here. An event without a version is taken for version 1.
   * @throws PandaError unknown_type, unknown_version, invalid_payload, and what an upgrade throws
   */
  async read({
    type,
    id,
    data,
    dataVersion,
  }: Pick<EventEnvelope, 'type' | 'id' | 'data' | 'dataVersion'>): Promise<unknown> {
    const { version, schema, upgrade } = this.#definition(type)
    let payload: unknown = JSON.parse(data)
    for (let at = dataVersion ?? 1; at !== version; at += 1) {
      const next = upgrade[at]
      if (at > version || next === undefined) throw unknownVersion(type, id, at, version)
      payload = next(payload)
    }
    return validate(schema, payload, `the payload of ${type} ${id}`)
  }

  #definition(type: string): Required<VersionedEvent> {
    const definition = this.#definitions.get(type)
    if (definition !== undefined) return definition
    throw new PandaError('unknown_type', `There is no event type "${type}" among those that were defined`, {
      hint: `There are: ${[...this.#definitions.keys()].join(', ')}. Add it to defineEvents.`,
    })
  }
}

/**
 * The events of an application, in one place:
 *
 *     const types = defineEvents({
 *       'user.signed_up': z.object({ userId: z.string(), email: z.email() }),
 *       'order.placed': { version: 2, schema: OrderV2, upgrade: { 1: (old) => ({ ...old, currency: 'EUR' }) } },
 *     })
 *     const events = new Events({ types })
 *
 * Types and payloads are then checked by the compiler and, on both sides, at run time. Any Standard Schema.
 * @throws PandaError invalid_option
 */
export function defineEvents<const D extends EventDefinitions>(definitions: D): EventTypes<Published<D>, Handled<D>> {
  return new EventTypes(definitions)
}

function checked(type: string, { version, schema, upgrade = {} }: VersionedEvent): Required<VersionedEvent> {
  if (!TYPE.test(type) || type.length > 255) throw invalid(`"${type}" is no event type`)
  if (!Number.isInteger(version) || version < 1) throw invalid(`${type}: version must be a whole number from 1 on`)
  const from = Object.keys(upgrade).map(Number)
  const least = Math.min(...from, version)
  for (const each of from)
    if (!(each >= 1 && each < version))
      throw invalid(`${type}: there is no version ${each} below ${version} to upgrade`)
  for (let each = least; each < version; each += 1)
    if (upgrade[each] === undefined) throw invalid(`${type}: there is an upgrade from ${least}, but none from ${each}`)
  return { version, schema, upgrade }
}

function invalid(message: string): PandaError {
  return new PandaError('invalid_option', message)
}

function unknownVersion(type: string, id: string, found: number, known: number): PandaError {
  const hint =
    found > known
      ? `This consumer knows versions up to ${known}: deploy it anew, then redrive.`
      : `Add upgrade: { ${found}: (old) => … } to the definition of ${type}, then redrive.`
  return new PandaError('unknown_version', `${type} ${id} has version ${found} of its payload`, { hint })
}
