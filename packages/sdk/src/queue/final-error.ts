/** Thrown by a handler to say that a retry is of no use: the job is dead at once, with reason `final`. */
export class FinalError extends Error {
  override readonly name: string = 'FinalError'
}
