/**
 * Places where the fault tests kill the server for real. In production nothing is armed and a point costs one comparison.
 */

/** On the way of a run. */
export const RUN_FAULT_POINTS = [
  'run-inserted', // the tick's row is committed, nothing was asked of the engine
  'unit-created', // the container exists, it was not started
  'unit-running', // the container runs, its start is recorded
  'unit-exited', // it has exited, nothing of that is recorded
  'result-recorded', // the run has ended, its container still exists
  'alert-stored', // the alert's delivery is committed, nothing was sent
  'alert-sent', // the receiver has it, that is not recorded
] as const

/** On the way of a change to an app, beside those of units. */
export const APP_FAULT_POINTS = [
  'app-changed', // the new revision or number is committed, nothing was planned
  'app-planned', // instances are inserted or asked to end, nobody has taken that up
  'instance-claimed', // it is this server's, nobody has begun to start it
  'instance-ready', // its readiness is recorded, its app was not looked at
  'unit-stopping', // that it is being ended is recorded, the engine was not asked to
] as const

const FAULT_POINTS = [...RUN_FAULT_POINTS, ...APP_FAULT_POINTS]
export type FaultPoint = (typeof FAULT_POINTS)[number]

export interface ArmedFault {
  readonly point: FaultPoint
  /** From 1: dies when the point is reached for the n-th time. */
  readonly nth: number
}

/** @throws Error when it is not `POINT` or `POINT:N` */
export function parseFault(text: string): ArmedFault {
  const [name, nth = '1', ...rest] = text.split(':')
  const point = FAULT_POINTS.find((one) => one === name)
  if (point === undefined || rest.length > 0 || !/^[1-9]\d{0,3}$/.test(nth)) {
    throw new Error(`"${text}" is not POINT or POINT:N, with a point of ${FAULT_POINTS.join(', ')}`)
  }
  return { point, nth: Number(nth) }
}

let armed: FaultPoint | undefined
let left = 0

/** Arms one point: when it is reached for the n-th time, this process dies by SIGKILL. */
export function armFaultPoint({ point, nth }: ArmedFault): void {
  armed = point
  left = nth
}

export function reach(point: FaultPoint): void {
  if (point !== armed) return
  left -= 1
  if (left === 0) process.kill(process.pid, 'SIGKILL')
}
