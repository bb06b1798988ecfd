import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { importCrontab } from './import-crontab.ts'
import { ImportError } from './imported.ts'

const OPTIONS = { image: 'your-org/jobs:1', timezone: 'Europe/Berlin', system: false }
const read = (text: string, change: Partial<typeof OPTIONS> = {}) => importCrontab(text, { ...OPTIONS, ...change })

describe('importCrontab', () => {
  it('turns a line into a cronjob that behaves as cron does', () => {
    expect(read('0 8 * * 1  /usr/local/bin/digest.sh --all\n')).toEqual({
      manifest: {
        version: 1,
        cronjobs: {
          digest: {
            image: 'your-org/jobs:1',
            schedule: '0 8 * * 1',
            timezone: 'Europe/Berlin',
            entrypoint: ['/bin/sh', '-c'],
            command: ['/usr/local/bin/digest.sh --all'],
            concurrency: 'allow',
            missed: 'skip',
            timeout: null,
          },
        },
      },
      notes: [],
    })
  })

  it('lets settings hold for the lines below them only', () => {
    const { manifest, notes } = read('* * * * * one\nTOKEN="a b"\nSHELL=/bin/bash\nCRON_TZ=UTC\n@daily two')
    expect(manifest.cronjobs?.['one']).toMatchObject({ timezone: 'Europe/Berlin', entrypoint: ['/bin/sh', '-c'] })
    expect(manifest.cronjobs?.['one']).not.toHaveProperty('env')
    expect(manifest.cronjobs?.['two']).toMatchObject({
      schedule: '@daily',
      timezone: 'UTC',
      entrypoint: ['/bin/bash', '-c'],
      env: { TOKEN: 'a b' },
    })
    expect(notes).toEqual([])
  })

  it('makes MAILTO an alert and says what differs', () => {
    const { manifest, notes } = read('MAILTO=ops@example.com, me@example.com\n0 0 * * * backup')
    expect(manifest.alerts).toEqual({
      mailto: {
        on: ['failed', 'lost', 'recovered'],
        channel: { kind: 'email', to: ['ops@example.com', 'me@example.com'] },
      },
    })
    expect(notes.join()).toContain('line 1: MAILTO became the alert')
  })

  it.each([
    ['@reboot /start', 'line 1: not carried over: @reboot'],
    ['PATH=/opt/bin\n0 0 * * * x', 'line 1: PATH=/opt/bin is not carried over'],
    ['MAILTO=root\n0 0 * * * x', 'line 1: MAILTO=root is not carried over'],
    ['0 0 * * * mail -s hi me%Hello%there', 'line 1: the input behind % is not carried over'],
    ['0 0 * *', 'line 1: not carried over: this is no crontab line'],
    ['hello', 'line 1: not carried over: this is no crontab line'],
    ['0 0 * * * %', 'line 1: not carried over: there is no command'],
  ])('tells what it leaves out: %j', (text, note) => {
    expect(read(text).notes.join('\n')).toContain(note)
  })

  it('knows the user of a system crontab', () => {
    const { manifest, notes } = read('17 *	* * *	root    cd / && run-parts --report /etc/cron.hourly', {
      system: true,
    })
    expect(manifest.cronjobs?.['run-parts']).toMatchObject({
      schedule: '17 * * * *',
      command: ['cd / && run-parts --report /etc/cron.hourly'],
    })
    expect(notes).toEqual(['line 1: the user "root" is not carried over: the container runs as the image\'s user'])
  })

  it('unescapes percent signs and keeps names apart', () => {
    const { manifest } = read('0 0 * * * date +\\%F\n1 0 * * * date\n2 0 * * * FOO=1 nice -n 5 /opt/Date.sh')
    expect(Object.keys(manifest.cronjobs ?? {})).toEqual(['date', 'date-2', 'date-3'])
    expect(manifest.cronjobs?.['date']?.command).toEqual(['date +%F'])
  })

  it('takes Windows line ends, blank lines and comments', () => {
    expect(Object.keys(read('# a\r\n\r\n* * * * * x\r\n').manifest.cronjobs ?? {})).toEqual(['x'])
  })

  it('loses no line in silence, whatever the file holds', () => {
    const field = fc.constantFrom(
      '*',
      '0',
      '*/5',
      '@daily',
      '@reboot',
      'A=1',
      'MAILTO=x',
      '%',
      '#',
      'cmd',
      '  ',
      '\t',
      '"',
      "'",
      'é',
    )
    const line = fc.array(field, { maxLength: 9 }).map((fields) => fields.join(' '))
    const file = fc.oneof(
      fc.array(line, { maxLength: 6 }).map((lines) => lines.join('\n')),
      fc.string({ maxLength: 80 }),
    )
    fc.assert(
      fc.property(file, fc.boolean(), (text, system) => {
        const { manifest, notes } = read(text, { system })
        const jobs = Object.values(manifest.cronjobs ?? {}).length
        const told = new Set(notes.map((note) => note.split(':')[0])).size
        const candidates = text.split(/\r?\n/).filter((each) => {
          const trimmed = each.trim()
          return trimmed !== '' && !trimmed.startsWith('#') && !/^[A-Za-z_]\w*\s*=/.test(trimmed)
        })
        expect(jobs + told).toBeGreaterThanOrEqual(candidates.length)
      }),
      { numRuns: 5000 },
    )
  })

  it('refuses a file that is too large', () => {
    expect(() => read('#'.repeat(1024 * 1024 + 1))).toThrow(ImportError)
  })
})
