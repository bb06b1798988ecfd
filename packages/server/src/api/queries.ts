import { pageQuerySchema } from '@pandastack/contract'

/** For lists that belong to no project. */
export const listQuerySchema = pageQuerySchema.omit({ project: true })
