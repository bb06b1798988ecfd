import { PNG } from 'pngjs'
import { freePort } from '../../test/support/free-port.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import { ok, say, step, title } from './say.ts'
import { deployWords, type Show, untilReady } from './show.ts'

interface Upload {
  readonly jobId: string
  readonly fileId: string
}

/** So many are in the worker's hands, or wait for it, while it is replaced. */
const UNDER_WAY = 8

/** @returns how many pictures were uploaded */
export async function showQueue(show: Show): Promise<number> {
  const { panda } = show
  title("2. A user's action starts it, one system does it: a queue with a worker")
  step('the API and its worker: two apps of one image, with two start commands, on one database')
  const api = await deployApi(show)
  await panda.show(deployWords(show, 'thumbnailer', 'uploads/worker.js'))
  await untilReady(show, 'api')

  step('an upload is answered at once, with the id of its job')
  const picture = bytesOfPicture()
  const from = performance.now()
  const uploads = [await upload(api, picture)]
  say(`  POST /uploads → ${JSON.stringify(uploads[0])} after ${Math.round(performance.now() - from)} ms`)

  step('uploads go on while the worker is replaced: it finishes what it holds, and hands back the rest')
  const replaced = panda.show(deployWords(show, 'thumbnailer', 'uploads/worker.js', ['--env', 'VERSION=2']))
  await uploadUntil(replaced, api, picture, uploads)

  step('each picture has been made small exactly once')
  const made = await waitFor(
    'every thumbnail',
    async () => {
      const now = await notified(api)
      return now.length >= uploads.length && now
    },
    60_000,
  )
  const wanted = uploads.map(({ fileId }) => fileId).toSorted()
  if (made.toSorted().join() !== wanted.join()) throw new Error(`uploaded: ${wanted.join()}; made: ${made.join()}`)
  for (const { jobId } of uploads) await untilSucceeded(api, jobId)
  await panda.show(['queue', 'list'])
  ok(`${uploads.length} uploads, ${made.length} thumbnails, none twice, none lost`)
  return uploads.length
}

/** Adds what it uploads to the list. @throws when the work fails */
async function uploadUntil(
  work: Promise<void>,
  api: string,
  body: Uint8Array<ArrayBuffer>,
  list: Upload[],
): Promise<void> {
  const state = { isOver: false }
  const over = work.finally(() => (state.isOver = true))
  const uploads = async (): Promise<void> => {
    while (!state.isOver) {
      if (list.length - (await notified(api)).length < UNDER_WAY) list.push(await upload(api, body))
    }
  }
  await Promise.all([over, uploads()])
}

/** @returns where it answers */
async function deployApi(show: Show): Promise<string> {
  const port = await freePort()
  const listen = show.engine.runtime === 'docker' ? ['--env', 'HOST=0.0.0.0'] : []
  await show.panda.show(deployWords(show, 'api', 'uploads/api.js', [...listen, '--port', `${port}:3000`, '--detach']))
  const url = `http://127.0.0.1:${port}`
  await waitFor('the API to answer', () => answers(url), 60_000)
  return url
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/notifications/nobody`)).ok
  } catch {
    return false // not listening yet; the caller has a limit
  }
}

async function upload(api: string, body: Uint8Array<ArrayBuffer>): Promise<Upload> {
  const headers = { 'content-type': 'image/png', 'x-user-id': 'ada' }
  const answer = await fetch(`${api}/uploads`, { method: 'POST', headers, body })
  if (!answer.ok) throw new Error(`the API answered ${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as Upload
}

async function notified(api: string): Promise<string[]> {
  const list = (await (await fetch(`${api}/notifications/ada`)).json()) as { fileId: string }[]
  return list.map(({ fileId }) => fileId)
}

async function untilSucceeded(api: string, jobId: string): Promise<void> {
  await waitFor(`job ${jobId} to have succeeded`, async () => {
    const job = (await (await fetch(`${api}/jobs/${jobId}`)).json()) as {
      state: string
      failures: number
    }
    if (job.failures > 0) throw new Error(`job ${jobId} has failed ${job.failures} times`)
    return job.state === 'succeeded'
  })
}

/** Large enough to keep a worker busy for some 50 ms. */
function bytesOfPicture(): Uint8Array<ArrayBuffer> {
  const png = new PNG({ width: 500, height: 500 })
  for (let at = 0; at < png.data.length; at++) png.data[at] = at % 4 === 3 ? 255 : (at * 7) % 256
  return new Uint8Array(PNG.sync.write(png))
}
