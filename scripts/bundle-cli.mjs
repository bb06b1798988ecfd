// Second half of `npm run build`. Also run before the tests that start `panda`, see test/support/global-setup.ts.
import { bundleCli } from './lib/bundle-cli.mjs'

await bundleCli()
