import { usage } from './common.ts'
import type { Mistake } from './mistake.ts'

const badFile = { exit: 2, code: 'invalid_manifest', hint: 'docs/reference/panda-yaml.md' } as const

export const FILE_MISTAKES: readonly Mistake[] = [
  {
    what: 'no panda.yaml',
    words: ['apply', '-f', '{missingFile}'],
    exit: 3,
    code: 'file_unreadable',
    says: 'does not exist',
    hint: 'Name the file with -f',
  },
  {
    what: 'unknown field',
    words: ['validate', '{unknownField}'],
    ...badFile,
    says: 'unknown.yaml:5: cronjobs.digest.retires: there is no such field',
  },
  {
    what: 'bad schedule in the file',
    words: ['apply', '-f', '{badSchedule}'],
    ...badFile,
    says: 'schedule.yaml:4: cronjobs.digest.schedule: hour: 25 is out of range',
  },
  { what: 'broken YAML', words: ['validate', '{noYaml}'], ...badFile, says: 'broken.yaml:' },
  {
    what: 'variable that is not set',
    words: ['validate', '{unsetVariable}'],
    ...badFile,
    says: 'unset.yaml:2: env.A: the variable PANDA_TEST_NOT_SET is not set',
  },
  { what: 'a key twice', words: ['validate', '{twice}'], ...badFile, says: 'twice.yaml:3: Map keys must be unique' },
  {
    what: 'missing secret',
    words: ['apply', '-f', '{missingSecret}'],
    exit: 1,
    code: 'reference_missing',
    says: 'Nothing was changed: the secret NOT_SET_ANYWHERE is not set',
    hint: 'panda secret set NOT_SET_ANYWHERE',
  },
  {
    what: 'crontab without image',
    words: ['import', 'crontab', '{crontab}'],
    ...usage,
    says: 'a crontab names no image',
    hint: 'Add --image',
  },
  {
    what: 'import of something else',
    words: ['import', 'k8s-cronjob', '{notACronjob}'],
    exit: 2,
    code: 'import_failed',
    says: 'the file holds no CronJob',
    hint: 'CronJob',
  },
  {
    what: 'import of an unknown kind',
    words: ['import', 'systemd', '{crontab}'],
    ...usage,
    says: '"systemd" is not one of crontab, k8s-cronjob',
    hint: 'crontab',
  },
]
