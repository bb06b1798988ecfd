import { PandaError } from '../errors.ts'
import type { StoreProblem } from './driver.ts'

/**
 * Says that a store can lose jobs.
 * @param allowUnsafe the application has accepted it: nothing is said
 * @throws PandaError unsafe_store in production (NODE_ENV)
 */
export function judgeProblems(problems: readonly StoreProblem[], allowUnsafe: boolean): void {
  if (problems.length === 0 || allowUnsafe) return
  const text = problems.map((problem) => `${problem.setting}: ${problem.message}`).join(' ')
  if (process.env['NODE_ENV'] === 'production') {
    throw new PandaError('unsafe_store', `The store can lose jobs. ${text}`)
  }
  process.emitWarning(`the store can lose jobs. ${text}`, 'PandaWarning')
}
