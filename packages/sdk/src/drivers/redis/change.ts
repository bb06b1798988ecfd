import type { Change, ChangeOutcome } from '../../queue/driver.ts'
import { keptArguments, tail } from './exchange.ts'
import { changeScript } from './lua/change.ts'
import { Script, type ScriptArgument } from './script.ts'
import type { Store } from './store.ts'

const script = new Script(changeScript)
/** A script holds up everybody else: a change of very many jobs is cut up. */
const AT_A_TIME = 500

export async function change(
  store: Store,
  queue: string,
  ids: readonly string[],
  wanted: Change,
  signal?: AbortSignal,
): Promise<readonly ChangeOutcome[]> {
  const args = [wanted.kind, ...changeArguments(wanted)]
  const outcomes: ChangeOutcome[] = []
  for (let first = 0; first < ids.length; first += AT_A_TIME) {
    const some = ids.slice(first, first + AT_A_TIME)
    outcomes.push(...((await store.run(script, queue, [...args, ...some], signal)) as ChangeOutcome[]))
  }
  return outcomes
}

function changeArguments(wanted: Change): [ScriptArgument, ScriptArgument, ScriptArgument] {
  switch (wanted.kind) {
    case 'cancel':
      return [tail(null, null, wanted.reason), ...keptArguments(wanted.keep)]
    case 'retry':
      return [wanted.body === undefined ? '' : '1', wanted.body ?? '', '']
    case 'edit':
      return [wanted.body === undefined ? '' : '1', wanted.body ?? '', wanted.priority ?? '']
    case 'promote':
    case 'remove':
      return ['', '', '']
  }
}
