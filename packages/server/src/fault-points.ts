/**
 * Places where the fault tests kill the server for real. In production nothing is armed and a point costs one comparison.
 */
export const FAULT_POINTS = [
  'run-inserted', // the tick's row is committed, nothing was asked of the engine
  'unit-created', // the container exists, it was not started
  'unit-running', // the container runs, its start is recorded
  'unit-exited', // it has exited, nothing of that is recorded
  'result-recorded', // the run has ended, its container still exists
  'alert-stored', // the alert's delivery is committed, nothing was sent
  'alert-sent', // the receiver has it, that is not recorded
] as const
export type FaultPoint = (typeof FAULT_POINTS)[number]

let armed: FaultPoint | undefined

/** Arms one point: the first time it is reached, this process dies by SIGKILL. */
export function armFaultPoint(point: FaultPoint): void {
  armed = point
}

export function reach(point: FaultPoint): void {
  if (point === armed) process.kill(process.pid, 'SIGKILL')
}
