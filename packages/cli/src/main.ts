import { VERSION } from './version.ts'

// The shortest way there is: asking for the version loads nothing else.
const argv = process.argv.slice(2)
if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V' || argv[0] === 'version')) {
  process.stdout.write(`panda ${VERSION}\n`)
} else {
  // No top-level await: the bundle is CommonJS.
  void import('./start.ts').then(({ start }) => start(argv))
}
