import { expect } from 'vitest'
import { CRONJOB_RESULTS, keepResult, type ResultFile } from './result-file.ts'

/** The counts of the full run, which takes half an hour, instead of the smoke's. */
export const FULL = process.env['PANDA_FULL'] === '1'

/** One line that a machine can read, whether the test passes or not; a full run also keeps it in bench/results. */
export function printFigures(
  test: string,
  figures: Readonly<Record<string, number | string | boolean>>,
  file: ResultFile = CRONJOB_RESULTS,
): void {
  process.stdout.write(`chaos-figures ${JSON.stringify({ test, ...figures })}\n`)
  if (FULL) keepResult(file, test, figures)
}

/** Fails with the first few violations of each rule. */
export function expectNoViolations(verdict: {
  readonly violations: readonly { readonly rule: string; readonly detail: string }[]
}): void {
  const byRule = new Map<string, string[]>()
  for (const { rule, detail } of verdict.violations) byRule.set(rule, [...(byRule.get(rule) ?? []), detail])
  const told = [...byRule].map(([rule, details]) => `${rule} × ${details.length}: ${details.slice(0, 5).join('; ')}`)
  expect(told).toEqual([])
}
