import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { fromPs, parsePsTime, type ProcessRow, readProcessTable } from './process-table.ts'
import { membersOf, readUsage } from './process-usage.ts'

const row = (pid: number, parent: number, group: number): ProcessRow => ({
  pid,
  parent,
  group,
  cpuNanoseconds: 0,
  residentBytes: () => Promise.resolve(0),
})

it('counts the group of a command and what they started outside of it, and nobody else', () => {
  const table = [row(1, 0, 1), row(10, 1, 10), row(12, 11, 12), row(11, 10, 10), row(13, 12, 12), row(20, 1, 20)]
  const orphan = row(14, 1, 10)
  expect(membersOf([...table, orphan], 10).map(({ pid }) => pid)).toEqual([10, 11, 14, 12, 13])
  expect(membersOf(table, 99)).toEqual([])
})

it.each([
  ['0:01.25', 1.25],
  ['12:00.00', 720],
  ['00:00:07', 7],
  ['2-03:04:05', 183_845],
])('reads the time %s of ps', (text, seconds) => {
  expect(parsePsTime(text)).toBe(seconds * 1e9)
})

it('finds the same of this process in /proc and by ps', async () => {
  const [table, printed] = await Promise.all([readProcessTable(), fromPs()])
  const [own, same] = [table, printed].map((rows) => rows.find(({ pid }) => pid === process.pid))
  expect([same?.parent, same?.group]).toEqual([own?.parent, own?.group])
  const [resident, alike] = await Promise.all([own?.residentBytes(), same?.residentBytes()])
  expect(Math.abs((alike ?? 0) / (resident ?? 1) - 1)).toBeLessThan(0.5)
  const ownMs = process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000
  // In whole seconds where ps prints no fractions; children that ended count, too.
  for (const each of [own, same]) expect((each?.cpuNanoseconds ?? 0) / 1e6).toBeGreaterThan(ownMs / 2 - 1000)
})

it('adds up a tree of processes', async () => {
  const hold = 'setTimeout(() => {}, 60_000); process.stdout.write("up\\n")'
  const two = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(hold)}], { detached: true, stdio: "inherit" }); ${hold}`
  const child = spawn(process.execPath, ['-e', two], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  const pid = child.pid ?? 0
  try {
    let text = ''
    for await (const part of child.stdout as AsyncIterable<Buffer>) if ((text += part.toString()) === 'up\nup\n') break
    const members = membersOf(await readProcessTable(), pid)
    expect(members).toHaveLength(2)
    const usage = (await readUsage(new Map([['unit', pid]]))).get('unit')
    const alone = (await members.find((each) => each.pid === pid)?.residentBytes()) ?? 0
    expect(usage?.memoryBytes).toBeGreaterThan(alone * 1.5)
    for (const each of members) process.kill(each.pid, 'SIGKILL')
  } finally {
    child.kill('SIGKILL')
    await once(child, 'close')
  }
})
