/**
 * Queues that are not the users': each subscription to events has one. A user's queue cannot have such a name, since no name
 * of a queue has a slash, and none of them is listed among the users'.
 */
export const EVENT_QUEUES = 'events/'

export function isReservedQueue(name: string): boolean {
  return name.startsWith(EVENT_QUEUES)
}
