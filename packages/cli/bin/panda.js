#!/bin/sh
':' //; exec node -- "$0" "$@" # sh runs this line, node takes it as a comment. Without `--` node itself reads --env-file.
await import('../dist/main.js')
