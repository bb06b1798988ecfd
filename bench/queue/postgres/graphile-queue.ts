/** Graphile Worker as a contender, by one of its presets. */
import type { Contender } from '../common/contender.ts'
import { DATA } from '../common/payload.ts'
import { addMany, addOneByOne, drain, openGraphile, type Preset } from './graphile.ts'

export async function graphileQueue(url: string, name: string, preset: Preset): Promise<Contender> {
  const { utils, close } = await openGraphile(url)
  return {
    name,
    addOneByOne: async (inFlight, total) => addOneByOne(utils, inFlight, total),
    addBulk: async (total, data = DATA) => addMany(utils, 1000, total, data),
    work: async (concurrency, total) => drain(url, preset, concurrency, total),
    close,
  }
}
