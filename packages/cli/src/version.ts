/** Kept equal to package.json by a test, so that `panda --version` needs to read no file. */
export const VERSION = '0.1.0'
