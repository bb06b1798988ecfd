import { Lanes } from './lanes.ts'
import { isOver, isRateOpen, opensAt } from './rate.ts'
import type { Group, MemoryStore, QueueData } from './store.ts'
import { holdsPlace } from './store.ts'

export function groupOf(queue: QueueData, name: string): Group {
  const known = queue.groups.get(name)
  if (known !== undefined) return known
  const group: Group = {
    name,
    waiting: new Lanes(holdsPlace),
    waitingCount: 0,
    running: 0,
    window: { startedAt: Number.NEGATIVE_INFINITY, claims: 0 },
    inRing: false,
    closedUntil: 0,
  }
  queue.groups.set(name, group)
  return group
}

/** Puts the group at the end of the ring, if it has something to claim and does not stand there. */
export function enterRing(store: MemoryStore, queue: QueueData, group: Group): void {
  if (group.inRing || !mayClaim(queue, group) || group.closedUntil > store.now()) return
  group.closedUntil = 0
  group.inRing = true
  queue.ring.push(group)
}

/** After a change of the settings: every group is looked at anew. */
export function enterAll(store: MemoryStore, queue: QueueData): void {
  for (const group of queue.groups.values()) {
    group.closedUntil = 0
    enterRing(store, queue, group)
  }
}

/** The group whose turn it is; those in front of it with nothing to claim leave the ring. */
export function firstInRing(store: MemoryStore, queue: QueueData): Group | undefined {
  openGroups(store, queue)
  for (let group = queue.ring.first(); group !== undefined; group = queue.ring.first()) {
    const rate = queue.settings.groupRate
    if (mayClaim(queue, group)) {
      if (rate === null || isRateOpen(rate, group.window, store.now())) return group
      group.closedUntil = opensAt(rate, group.window)
      queue.closedGroups.push(group.closedUntil, group)
    }
    group.inRing = false
    queue.ring.dropFirst()
  }
  return undefined
}

/** A group nobody waits in is forgotten, unless its rate limit still counts. */
export function leaveIfIdle(store: MemoryStore, queue: QueueData, group: Group): void {
  if (group.waitingCount > 0 || group.running > 0) return
  const rate = queue.settings.groupRate
  if (rate !== null && !isOver(rate, group.window, store.now())) return
  if (queue.groups.get(group.name) === group) queue.groups.delete(group.name)
}

/** When the rate limit of the first closed group opens. */
export function nextGroupOpensAt(queue: QueueData): number | null {
  for (let first = queue.closedGroups.first(); first !== undefined; first = queue.closedGroups.first()) {
    if (first.item.closedUntil === first.at) return first.at
    queue.closedGroups.dropFirst()
  }
  return null
}

function openGroups(store: MemoryStore, queue: QueueData): void {
  for (let first = queue.closedGroups.first(); first !== undefined; first = queue.closedGroups.first()) {
    if (first.at > store.now()) return
    queue.closedGroups.dropFirst()
    enterRing(store, queue, first.item)
  }
}

function mayClaim(queue: QueueData, group: Group): boolean {
  return group.waitingCount > 0 && group.running < queue.settings.groupConcurrency
}
