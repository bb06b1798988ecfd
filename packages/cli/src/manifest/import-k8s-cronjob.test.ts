import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ImportError } from './imported.ts'
import { importK8sCronjobs } from './import-k8s-cronjob.ts'

const FULL = `
apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly, namespace: shop, labels: { app: shop } }
spec:
  schedule: "0 3 * * *"
  timeZone: Europe/Berlin
  concurrencyPolicy: Replace
  startingDeadlineSeconds: 600
  suspend: true
  successfulJobsHistoryLimit: 3
  jobTemplate:
    spec:
      backoffLimit: 2
      activeDeadlineSeconds: 1800
      template:
        spec:
          serviceAccountName: robot
          restartPolicy: OnFailure
          volumes: [{ name: data, emptyDir: {} }]
          containers:
            - name: main
              image: ghcr.io/shop/report:1.2
              imagePullPolicy: IfNotPresent
              command: ["node"]
              args: ["report.js", "--all"]
              env:
                - { name: MODE, value: full }
                - { name: DB_PASSWORD, valueFrom: { secretKeyRef: { name: db, key: password } } }
                - { name: NODE_IP, valueFrom: { fieldRef: { fieldPath: status.hostIP } } }
              volumeMounts: [{ name: data, mountPath: /data }]
              resources: { limits: { memory: 256Mi, cpu: 500m }, requests: { cpu: 100m } }
            - { name: sidecar, image: proxy }
`

describe('importK8sCronjobs', () => {
  it('carries over what a run can have', () => {
    const { manifest } = importK8sCronjobs(FULL)
    expect(manifest).toEqual({
      version: 1,
      secrets: ['DB_PASSWORD'],
      cronjobs: {
        nightly: {
          schedule: '0 3 * * *',
          timezone: 'Europe/Berlin',
          concurrency: 'replace',
          missed: 'last',
          deadline: '600s',
          timeout: '1800s',
          retry: { attempts: 3, backoff: { kind: 'exponential', delay: '10s', max: '6m' } },
          suspended: true,
          image: 'ghcr.io/shop/report:1.2',
          entrypoint: ['node'],
          command: ['report.js', '--all'],
          env: { MODE: 'full' },
          memory: '256Mi',
          cpus: 0.5,
          pull: 'missing',
        },
      },
    })
  })

  it('tells everything else', () => {
    const { notes } = importK8sCronjobs(FULL)
    for (const word of [
      'metadata.namespace',
      'metadata.labels',
      'volumes',
      'volumeMounts',
      'serviceAccountName',
      'resources.requests',
      'container "sidecar"',
      'DB_PASSWORD',
      'valueFrom.fieldRef',
      'activeDeadlineSeconds',
      'history limits',
    ]) {
      expect(notes.join('\n')).toContain(word)
    }
  })

  it("has Kubernetes' defaults, not ours", () => {
    const { manifest } = importK8sCronjobs(
      '{"kind":"CronJob","metadata":{"name":"a"},"spec":{"schedule":"CRON_TZ=Asia/Tokyo 0 1 * * *"}}',
    )
    expect(manifest.cronjobs?.['a']).toMatchObject({
      schedule: '0 1 * * *',
      timezone: 'Asia/Tokyo',
      concurrency: 'allow',
      timeout: null,
      retry: { attempts: 7 },
    })
  })

  it('reads several documents and lists, and names what is no CronJob', () => {
    const one = (name: string) => ({ kind: 'CronJob', metadata: { name }, spec: { schedule: '@daily' } })
    const list = JSON.stringify({ kind: 'List', items: [one('a'), { kind: 'Secret', metadata: { name: 's' } }] })
    const { manifest, notes } = importK8sCronjobs(`${list}\n---\n${JSON.stringify(one('a'))}\n---\n`)
    expect(Object.keys(manifest.cronjobs ?? {})).toEqual(['a', 'a-2'])
    expect(notes).toContain('Secret "s" is not carried over: only CronJobs are')
  })

  it.each([['{'], ['kind: Deployment'], [''], ['a: &a [*a, *a]\nb: *zz']])('refuses %j', (text) => {
    expect(() => importK8sCronjobs(text)).toThrow(ImportError)
  })

  it('throws nothing but ImportError, whatever the file holds', () => {
    const anything = fc.oneof(
      fc.string(),
      fc.json().map((json) => `{"kind":"CronJob","metadata":{"name":"x"},"spec":${json}}`),
    )
    fc.assert(
      fc.property(anything, (text) => {
        try {
          importK8sCronjobs(text)
        } catch (error) {
          if (!(error instanceof ImportError)) throw error
        }
      }),
      { numRuns: 3000 },
    )
  })
})
