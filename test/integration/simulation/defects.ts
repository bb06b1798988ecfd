/** A defect that is planted to see whether the checker would notice it. */
export interface Defect {
  /** What the servers send to the database in place of a statement. */
  readonly rewrite: (text: string) => string
  /** In place of the membership's word; null = ask it. */
  readonly surelyOurs: (() => boolean) | null
  /** How often it has come into effect. */
  readonly planted: () => number
  /** What the checker says of it. */
  readonly noticed: RegExp
}

/** Who adopts a run has the fence of its former owner, whose late writes are then taken for its own. */
export function adoptionKeepsFence(): Defect {
  let planted = 0
  return {
    rewrite(text) {
      if (!text.includes('with orphaned as')) return text
      const spoiled = text.replace(', fence = r.fence + 1', '')
      if (spoiled !== text) planted++
      return spoiled
    },
    surelyOurs: null,
    planted: () => planted,
    noticed: /the end of \S+ was accepted from \S+ and \S+|was started \d+ times/,
  }
}

/** A server that stood still in the middle of a start goes on with it, though another one has long ended the attempt. */
export function alwaysSure(): Defect {
  let planted = 0
  return {
    rewrite: (text) => text,
    surelyOurs() {
      planted++
      return true
    },
    planted: () => planted,
    noticed: /was started (?:\d+ times|and no attempt tells of it)/,
  }
}
