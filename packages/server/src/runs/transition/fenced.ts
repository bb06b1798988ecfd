/** A write of an owner: it counts only while the run still has this fence. */
export interface Fenced {
  readonly id: string
  readonly fence: number
}
