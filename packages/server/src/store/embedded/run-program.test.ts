import { describe, expect, it } from 'vitest'
import { runProgram } from './run-program.ts'

const node = process.execPath

describe('runProgram', () => {
  it('gives the exit code and both streams', async () => {
    const code = 'console.log(1); console.error(2); process.exitCode = 3'
    const { exitCode, output } = await runProgram(node, ['--eval', code])
    expect(exitCode).toBe(3)
    expect(output.split('\n').toSorted().join('')).toBe('12')
  })

  it('keeps the end of a long output only', async () => {
    const { output } = await runProgram(node, ['--eval', 'process.stdout.write("x".repeat(100_000) + "end")'])
    expect(output).toHaveLength(16 * 1024)
    expect(output.endsWith('xend')).toBe(true)
  })

  it('fails for a program that is not there, and for one that takes too long', async () => {
    await expect(runProgram('/no/such/program', [])).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(runProgram('sleep', ['600'], { timeoutMs: 20 })).rejects.toThrow(/abort/i)
  })

  it('passes arguments through no shell', async () => {
    const odd = ['$(id)', '; true', 'a  b', '*']
    const { output } = await runProgram(node, ['--print', 'JSON.stringify(process.argv.slice(1))', '--', ...odd])
    expect(JSON.parse(output)).toEqual(odd)
  })
})
