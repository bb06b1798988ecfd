// One mail a week about the pictures of examples/uploads. It ends; the schedule starts it again (or you: run now).
import { readConfig } from './config.js'
import { sendMail } from './mail.js'
import { readWeek } from './week.js'

try {
  const config = readConfig(process.env)
  const week = await readWeek(config.databaseUrl, config.dueAt)
  for (const to of config.to) {
    // A late or repeated run is about the same week, and sends the same mail under the same key: it arrives once.
    await sendMail(config, { to, key: `weekly-digest/${config.dueAt.toISOString()}/${to}`, ...digestOf(week) })
    console.log(`sent the digest of the week to ${day(week.to)} to ${to}`)
  }
} catch (error) {
  console.error(error.message)
  process.exitCode = error.exitCode ?? 1
}

function digestOf({ from, to, pictures, people }) {
  return {
    subject: `Your week: ${pictures} new pictures`,
    text: `From ${day(from)} to ${day(to)}: ${pictures} thumbnails for ${people} people.`,
  }
}

function day(time) {
  return time.toISOString().slice(0, 10)
}
