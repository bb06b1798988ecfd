import type { Session } from './session.ts'

/** What the shell's completion offers at a place: names are asked from the server. */
export type Completes = 'cronjob' | 'app' | 'run' | 'project' | 'alert' | 'context'

export interface OptionBase {
  readonly text: string
  /** One letter, without the dash. */
  readonly short?: string
}
export interface Flag extends OptionBase {
  readonly kind: 'flag'
}
export interface Valued extends OptionBase {
  /** The placeholder in the help, e.g. `KEY=VALUE`. */
  readonly value: string
  readonly required?: boolean
  readonly completes?: Completes
}
export interface Text extends Valued {
  readonly kind: 'text'
}
export interface Integer extends Valued {
  readonly kind: 'integer'
  readonly min: number
}
export interface List extends Valued {
  readonly kind: 'list'
}
export interface Choice<C extends string = string> extends Valued {
  readonly kind: 'choice'
  readonly choices: readonly C[]
}
export type Option = Flag | Text | Integer | List | Choice
/** Keyed by the name in code: `missedLimit` is `--missed-limit`. */
export type Options = Readonly<Record<string, Option>>

export interface Argument {
  /** The placeholder in the help, e.g. `NAME`. */
  readonly value: string
  readonly text: string
  readonly required?: boolean
  /** Takes all that follows. */
  readonly many?: boolean
  /** Also accepted as `--key VALUE`, e.g. `panda cronjob run --name weekly-digest`. */
  readonly asOption?: boolean
  readonly choices?: readonly string[]
  readonly completes?: Completes
}
export type Arguments = Readonly<Record<string, Argument>>

export type OptionValue<O> = O extends { kind: 'flag' }
  ? boolean
  : O extends { kind: 'list' }
    ? readonly string[]
    : | (O extends { kind: 'integer' } ? number : O extends Choice<infer C> ? C : string)
      | (O extends { required: true } ? never : undefined)
export type ArgumentValue<A> = A extends { many: true }
  ? readonly string[]
  : A extends { required: true }
    ? string
    : string | undefined

export interface Call<A, O> {
  readonly args: { readonly [K in keyof A]: ArgumentValue<A[K]> }
  readonly options: { readonly [K in keyof O]: OptionValue<O[K]> }
  /** What stood behind `--`; null when there was no `--`. */
  readonly words: readonly string[] | null
  readonly session: Session
}

export interface Example {
  /** As typed, beginning with `panda`. RUN stands for the id of a run. */
  readonly line: string
  readonly note: string
}

/** A command is data and one handler; help, completion and docs/reference/cli.md come out of the data. */
export interface Command<A extends Arguments = Arguments, O extends Options = Options> {
  readonly args: A
  readonly options: O
  /** Sentences below the summary in the help. */
  readonly details?: readonly string[]
  readonly examples: readonly [Example, Example, ...Example[]]
  /** Present when words behind `--` are taken; the text says what for. */
  readonly words?: string
  /** True when the answer can be shown with -o. Default true. */
  readonly formats?: boolean
  /** Answers an exit code, or nothing for 0. A method, so that commands of all shapes fit in one table. */
  run(call: Call<A, O>): Promise<number | void>
}

export function defineCommand<const A extends Arguments, const O extends Options>(
  command: Command<A, O>,
): Command<A, O> {
  return command
}

export const flag = (text: string, more: { short?: string } = {}) => ({ kind: 'flag', text, ...more }) as const
export const text = <const M extends Partial<Valued>>(value: string, text: string, more?: M) =>
  ({ kind: 'text', value, text, ...(more ?? ({} as M)) }) as const
export const list = <const M extends Partial<Valued>>(value: string, text: string, more?: M) =>
  ({ kind: 'list', value, text, ...(more ?? ({} as M)) }) as const
export const integer = (value: string, text: string, min = 1) => ({ kind: 'integer', value, text, min }) as const
export const choice = <const C extends readonly string[]>(choices: C, text: string, value?: string) =>
  ({ kind: 'choice', value: value ?? choices.join('|'), text, choices }) as const

/** One verb of a noun, or a noun that is a command itself. Only what the overview needs; the rest is loaded on use. */
export interface Entry {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<Command>
}
export interface Noun {
  readonly name: string
  /** Other words for it, e.g. `cronjobs`. */
  readonly aliases: readonly string[]
  readonly summary: string
  /** Left out of the overview and the reference. */
  readonly hidden?: boolean
  readonly verbs: readonly Entry[]
  /** Present when the noun alone is a command: `panda status`. */
  readonly load?: () => Promise<Command>
}

/** `missedLimit` → `missed-limit`. */
export function kebab(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
