/** Payloads by event type: `new Events<{ 'user.signed_up': SignUp }>()`. */
export type EventMap = Record<string, unknown>

/** What may be subscribed to: a known type, or a pattern with `*` or `#`. Any text when no types are known. */
export type PatternOf<M extends EventMap> = string extends keyof M
  ? string
  : (keyof M & string) | `${string}*${string}` | `${string}#${string}`

/** What a handler of a type or pattern gets: for a pattern the payloads of all known types that match it. */
export type PayloadOf<M extends EventMap, Pattern extends string> = string extends keyof M
  ? M[string]
  : Pattern extends keyof M
    ? M[Pattern]
    : { [Type in keyof M & string]: Matches<Pattern, Type> extends true ? M[Type] : never }[keyof M & string]

/** As `matches` in pattern.ts: `*` is one word, `#` any number of words. */
export type Matches<Pattern extends string, Type extends string> = MatchWords<Words<Pattern>, Words<Type>>

type Words<Text extends string> = Text extends `${infer First}.${infer Rest}` ? [First, ...Words<Rest>] : [Text]

type MatchWords<Pattern extends string[], Type extends string[]> = Pattern extends [
  infer First extends string,
  ...infer Rest extends string[],
]
  ? First extends '#'
    ? MatchHash<Pattern, Rest, Type>
    : Type extends [infer Word extends string, ...infer After extends string[]]
      ? First extends '*' | Word
        ? MatchWords<Rest, After>
        : false
      : false
  : Type extends []
    ? true
    : false

/** `#` stands for nothing, or for this word and maybe more. */
type MatchHash<Pattern extends string[], Rest extends string[], Type extends string[]> =
  MatchWords<Rest, Type> extends true
    ? true
    : Type extends [string, ...infer After extends string[]]
      ? MatchWords<Pattern, After>
      : false
