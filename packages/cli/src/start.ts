import { processIo } from './process-io.ts'
import { runCli } from './run-cli.ts'

/** One command in this process; sets the exit code and lets the process end by itself, so that all output is written. */
export async function start(argv: readonly string[]): Promise<void> {
  process.exitCode = await runCli(argv, processIo())
}
