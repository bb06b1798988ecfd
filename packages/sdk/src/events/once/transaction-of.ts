/**
 * The transaction that belongs to a database client: what its own transactions hand to their callback.
 *
 * - `Pool` of pg: its client, on which `begin` was sent
 * - `sql` of postgres.js, a `Kysely`, Drizzle's `db`, a Prisma client: the callback's argument
 * - a function `(work: (tx: X) => Promise<void>) => Promise<unknown>`: X
 */
export type TransactionOf<D> = D extends { begin: (options: string, work: (tx: infer T) => infer _) => unknown }
  ? T
  : D extends { $transaction: (work: (tx: infer T) => Promise<infer _>, options?: infer _O) => unknown }
    ? T
    : D extends { transaction: () => { execute: (work: (tx: infer T) => Promise<infer _>) => unknown } }
      ? T
      : D extends { transaction: (work: (tx: infer T) => Promise<infer _>, ...rest: never[]) => unknown }
        ? T
        : D extends { connect: { (): Promise<infer T>; (callback: infer _): void } }
          ? T
          : D extends (work: (tx: infer T) => Promise<void>) => Promise<unknown>
            ? T
            : never
