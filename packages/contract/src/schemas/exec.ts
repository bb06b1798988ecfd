import { z } from 'zod'
import { argvSchema } from './common.ts'

const side = z.number().int().min(1).max(10_000)
export const terminalSizeSchema = z.strictObject({ columns: side, rows: side })
export type TerminalSize = z.output<typeof terminalSizeSchema>

export const execStartSchema = z.strictObject({
  command: argvSchema,
  /** null = no terminal: stdout and stderr stay apart. */
  tty: terminalSizeSchema.nullable(),
})
export type ExecStart = z.output<typeof execStartSchema>

/** `code` null = it did not end by itself, or nobody knows how; the message says why. */
export const execEndSchema = z.object({ code: z.number().int().nullable(), message: z.string().nullable() })
export type ExecEnd = z.output<typeof execEndSchema>
