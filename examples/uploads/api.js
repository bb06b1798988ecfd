// Takes uploads and answers at once: the work is done by worker.js, another process of the same image.
import express from 'express'
import { Queue } from '@pandastack/sdk'
import { openFiles } from './files.js'

const files = await openFiles()
const queue = new Queue('uploads')
const app = express()

/** Stores the body and names it, as an upload middleware would: `req.file.id`. */
async function upload(req, res, next) {
  if (!Buffer.isBuffer(req.body) || req.body.length === 0)
    return res.status(400).json({ error: 'send a PNG as the body' })
  req.file = { id: await files.store(req.body, req.get('x-user-id') ?? 'nobody') }
  next()
}

// API handler — fast
app.post('/uploads', express.raw({ type: 'image/png', limit: '5mb' }), upload, async (req, res) => {
  const job = await queue.add({ fileId: req.file.id })
  res.json({ jobId: job.id, fileId: req.file.id }) // return immediately
})

app.get('/jobs/:id', async (req, res) => {
  const job = await queue.getJob(req.params.id)
  if (job === null) return res.status(404).json({ error: 'there is no such job, or it is no longer kept' })
  res.json({ state: job.state, failures: job.failures, value: job.value ?? null })
})

app.get('/thumbnails/:fileId', async (req, res) => {
  const thumbnail = await files.thumbnail(req.params.fileId)
  if (thumbnail === null) return res.status(404).json({ error: 'not made yet' })
  res.type('image/png').send(thumbnail)
})

app.get('/notifications/:userId', async (req, res) => res.json(await files.notifications(req.params.userId)))

const server = app.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? '127.0.0.1', (error) => {
  if (error) throw error
  console.log(`listening on http://${process.env.HOST ?? '127.0.0.1'}:${server.address().port}`)
})

async function stop() {
  server.close()
  await queue.close()
  await files.close()
}
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void stop())
