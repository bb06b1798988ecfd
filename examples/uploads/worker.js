// Makes thumbnails: the slow part of an upload. Start as many copies as you like.
import { Queue } from '@pandastack/sdk'
import { openFiles } from './files.js'
import { resize } from './resize.js'

const files = await openFiles()
const queue = new Queue('uploads')

// Worker process — runs separately
queue.process(
  async (job, { log }) => {
    const file = await files.get(job.data.fileId)
    const thumbnail = resize(file.body, 64)
    await files.storeThumbnail(file.id, thumbnail, file.userId)
    log(`made a thumbnail of ${thumbnail.length} bytes`)
    return { bytes: thumbnail.length }
  },
  { concurrency: 4, handleSignals: false }, // the files are to be closed, too: see stop()
)
console.log('working')

async function stop() {
  await queue.close() // lets running jobs finish, hands the others back
  await files.close()
}
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void stop())
