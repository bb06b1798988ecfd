import { createServer } from 'node:net'
import { StartError } from './start-error.ts'

/**
 * Asks for the port before anything else is started, so that the commonest mistake is told at once.
 *
 * @throws StartError `port_in_use`, `address_refused`
 */
export async function assertPortFree(host: string, port: number): Promise<void> {
  if (port === 0) return
  await new Promise<void>((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error) => reject(listenError(error, host, port)))
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve()))
  })
}

/** What listening failed with, as something that the user can act upon. */
export function listenError(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') {
    return new StartError('port_in_use', `Port ${port} of ${host} is in use by another program.`, {
      hint: `Choose another one: panda server --port ${port === 65_535 ? 7301 : port + 1} (0 = any free one). To see who has it: ss -ltnp 'sport = :${port}'`,
      cause: error,
    })
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new StartError(
      'address_refused',
      `This machine does not let us listen on ${host}, port ${port} (${code}).`,
      {
        hint: 'Use an address of this machine, e.g. --host 127.0.0.1, and a port above 1023.',
        cause: error,
      },
    )
  }
  return error
}
