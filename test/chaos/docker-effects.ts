import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import type { Effect, Effects } from './effects.ts'

interface EngineEvent {
  readonly Action: string
  readonly timeNano: number
  readonly Actor: { readonly Attributes: Readonly<Record<string, string>> }
}

/** What the engine itself tells of all units, written down while it happens. */
export interface DockerWitness {
  /**
   * @param installation whose units
   * @param printed what a unit prints when it runs to its end; null = not known
   */
  effects(installation: string, printed: readonly string[] | null): Effects
  stop(): void
}

interface Seen {
  readonly installation: string
  starts: number
  startedAtMs: number
  endedAtMs: number
  exitCode: number | null
}

/** Call it before the first unit starts. It ends with the engine; call it again after the engine's restart. */
export async function watchDocker(engine: Docker): Promise<DockerWitness> {
  const seen = new Map<string, Seen>()
  const stopping = new AbortController()
  const stream = (await engine.getEvents({
    filters: { type: ['container'], event: ['start', 'die'] },
    abortSignal: stopping.signal,
  })) as Readable
  // The test that kills the engine looks at the units itself afterwards.
  stream.on('error', () => stream.destroy())
  const lines = createInterface({ input: stream })
  lines.on('error', () => lines.close())
  lines.on('line', (line) => note(seen, JSON.parse(line) as EngineEvent))
  return {
    effects: (installation, printed) =>
      new Map(
        [...seen]
          .filter(([, unit]) => unit.installation === installation && unit.starts > 0)
          .map(([name, unit]): [string, Effect] => [
            name,
            { ...unit, name, printed: unit.exitCode === null ? null : printed },
          ]),
      ),
    stop: () => {
      stopping.abort()
      lines.close()
      stream.destroy()
    },
  }
}

function note(seen: Map<string, Seen>, { Action, timeNano, Actor }: EngineEvent): void {
  const { name, exitCode, 'panda.installation': installation } = Actor.Attributes
  if (name === undefined || installation === undefined) return
  const atMs = timeNano / 1e6
  const unit = seen.get(name) ?? {
    installation,
    starts: 0,
    startedAtMs: atMs,
    endedAtMs: Number.POSITIVE_INFINITY,
    exitCode: null,
  }
  seen.set(name, unit)
  if (Action === 'start') unit.starts += 1
  if (Action !== 'die') return
  unit.endedAtMs = atMs
  unit.exitCode = Number(exitCode)
}
