/*
 * Packages that `panda` loads as they are, and only for the commands that need them: they start threads and programs
 * from their own files, so they cannot be part of the bundle. The bundle has this file beside it.
 */

export const loadServer = () => import('@pandastack/server')
export const loadQueueSdk = () => import('@pandastack/sdk/queue')
export const loadEventSdk = () => import('@pandastack/sdk/events')
