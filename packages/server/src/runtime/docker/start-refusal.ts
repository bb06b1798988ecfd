import type { PublishedPort } from '@pandastack/contract'
import { portInUse, RuntimeError } from '../driver.ts'
import type { EngineAnswer } from './engine-api.ts'
import { refusal } from './engine-api.ts'

/** What the engine's machine has no more of. A registry has nothing to do with it either. */
export const MACHINE_TROUBLE =
  /no space left on device|disk quota exceeded|resource temporarily unavailable|cannot allocate memory|too many open files|no buffer space/i

/**
 * The engine's own end, or containerd's; time that ran out inside it; what the machine has no more of. The unit has done
 * nothing wrong and can be started later. What a unit's own limits bring about ("device or resource busy": a memory limit
 * below what the start itself takes) is not among them.
 */
const ENGINE_TROUBLE: readonly RegExp[] = [
  /shutting down|containerd\.sock|transport is closing|context canceled|connection error|ttrpc: closed/i,
  /deadline exceeded|timed? ?out\b|timeout/i,
  /no available ip(?:v4|v6)? address/i,
  MACHINE_TROUBLE,
]

/** Docker's own book of ports, and the kernel's answer to it and to Podman. */
const PORT_IN_USE = /port is already allocated|address already in use/i

/** What a create or start that the engine answered with an error says of the unit: nothing (`engine-away`), or that it cannot start. */
export function startRefusal(answer: EngineAnswer, port?: PublishedPort): RuntimeError {
  const why = refusal(answer)
  if (port !== undefined && answer.status >= 500 && PORT_IN_USE.test(why)) {
    return portInUse(port, { cause: new Error(why) })
  }
  return new RuntimeError(isEngineTrouble(answer) ? 'engine-away' : 'start-failed', why)
}

/** Answers of 4xx are about the request, whatever their words: a command may be named `timeout`. */
export function isEngineTrouble(answer: EngineAnswer): boolean {
  const why = refusal(answer)
  return answer.status >= 500 && ENGINE_TROUBLE.some((words) => words.test(why))
}
