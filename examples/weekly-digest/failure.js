/** Exit codes as in sysexits.h: whoever reads the alert knows from the number whom to call. */
export const EXIT = {
  /** The mail service or the database is away: a retry may help. */
  away: 75,
  /** The mail service refuses the key. */
  refused: 77,
  /** A variable is missing. */
  config: 78,
}

/** An end that has an exit code of its own. */
export class Failure extends Error {
  constructor(message, exitCode) {
    super(message)
    this.exitCode = exitCode
  }
}
