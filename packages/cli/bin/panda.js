#!/bin/sh
':' //; exec node --min-semi-space-size=64 --max-semi-space-size=64 -- "$0" "$@" # sh runs this line, node takes it as a comment. Without `--` node itself reads --env-file.
// A young generation of 64 MB for `panda server`: with Node's 16 MB a third of a burst of ticks is garbage collection.
// Node 22 keeps compiled code from one start to the next; Node 20 does not know how.
require('node:module').enableCompileCache?.()
if (process.env.PANDA_DEBUG) process.setSourceMapsEnabled(true) // stacks name the source, not the bundle
module.exports = require('../dist/bundle/main.cjs')
