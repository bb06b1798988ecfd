import { appExecQuerySchema, EXEC_PROTOCOL, nameSchema, PandaError } from '@pandastack/contract'
import { z } from 'zod'
import { findExecTarget } from '../../apps/find-exec-target.ts'
import { serveExec } from '../../apps/serve-exec.ts'
import type { ApiDeps } from '../deps.ts'
import { projectRoute, type Route, Takeover } from '../route.ts'

export function appExecRoute(deps: ApiDeps): Route {
  return projectRoute({
    method: 'POST',
    url: '/v1/apps/:name/exec',
    summary: 'Run a command in a running instance',
    description:
      `Asks for \`Upgrade: ${EXEC_PROTOCOL}\`; then frames in both directions: one byte of kind, four of length (big ` +
      'endian), the payload. The client begins with 0 (JSON: `command`, `tty`), sends 1 (input; an empty one ends it) ' +
      'and 2 (JSON: `columns`, `rows`); the server sends 3 (stdout), 4 (stderr), 6 (a ping) and ends with 5 (JSON: ' +
      '`code`, null with a `message`). Nothing of it is stored, and secrets in it are not hidden; who ran what in ' +
      "which instance is written to the server's log.",
    tag: 'apps',
    scope: 'write',
    params: z.object({ name: nameSchema }),
    query: appExecQuerySchema,
    status: 101,
    answer: null,
    handler: async ({ db, project, identity, params, query }) => {
      const target = await findExecTarget(db, project.id, params.name, query.instance)
      const { driver, engineId } = deps.exec
      if (driver.capabilities.exec === false)
        throw unavailable(`the runtime "${driver.name}" runs it as a process of the host`)
      if (target.engineId !== engineId()) throw unavailable('its container is on the engine of another server')
      const { instance, unit } = target
      const who = {
        by: identity.name,
        tokenId: identity.tokenId,
        project: project.name,
        app: params.name,
        instance,
        unit,
      }
      return new Takeover(EXEC_PROTOCOL, async (socket, signal) => {
        const beganMs = deps.clock.now()
        let audit: object = who
        const onStart = (start: { command: readonly string[]; tty: object | null }): void => {
          audit = { ...who, command: start.command, tty: start.tty !== null }
          deps.log.info(audit, 'a command starts in an instance')
        }
        const { code, message } = await serveExec(deps.exec, socket, { unit, onStart, signal })
        const ms = Math.round(deps.clock.now() - beganMs)
        deps.log.info({ ...audit, exitCode: code, why: message, ms }, 'a command in an instance has ended')
      })
    },
  })
}

function unavailable(why: string): PandaError {
  return new PandaError('exec_unavailable', `No command can be run in this instance: ${why}.`)
}
