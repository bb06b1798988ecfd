import { usageError } from '../errors.ts'

/** Data of a job as it is typed. @throws CliError usage */
export function parseData(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw usageError(`the data is not JSON: ${why}`, `Quote it for the shell, e.g. '{"fileId":7}'`)
  }
}
