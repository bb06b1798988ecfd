import type { Session } from '../session.ts'

const CLEAR = '\u001B[2J\u001B[H'

/** Shows a text in the place of the one before; one behind the other where there is no terminal. */
export function redraw(session: Session, text: string): Promise<void> {
  return session.print(session.io.stdout.isTTY === true ? `${CLEAR}${text}` : text)
}
