export { freePort } from '../../packages/server/src/store/embedded/free-port.ts'
