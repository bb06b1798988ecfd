// `npm run quickstart [-- --once]`: installs, builds, then hands over to scripts/quickstart/main.ts.
import { join } from 'node:path'
import { build, checkNode, install, ROOT, run } from './lib/steps.mjs'

checkNode()
console.error('PandaStack quickstart')
console.error('• installing the dependencies …')
const installed = await install()
console.error(installed ? '  done' : '  they are here already')
console.error('• building …')
await build()
const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs')
const main = join(ROOT, 'scripts/quickstart/main.ts')
process.on('SIGINT', () => {}) // the show itself answers Ctrl-C and ends; this process only passes its verdict on
process.exit(await run(process.execPath, [tsx, '--conditions=source', main, ...process.argv.slice(2)]))
