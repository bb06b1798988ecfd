export type MisfitKind = 'required' | 'type' | 'value' | 'constraint' | 'closed' | 'unclear'

/** Something that one side may write and the other would refuse. */
export interface Misfit {
  readonly kind: MisfitKind
  /** Dotted; `[]` stands for the elements of a list. Empty: the payload itself. */
  readonly path: string
  /** What the reader demands against what is written. */
  readonly what: string
}
