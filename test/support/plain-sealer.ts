import type { Sealer } from '../../packages/server/src/alerts/stored-channel.ts'

/** Binds a text to its context and is readable in a dump only if the code forgot to seal. */
export const plainSealer: Sealer = {
  seal: (text, context) => Buffer.from(Buffer.from(JSON.stringify([context, text])).toString('base64')),
  open(sealed, context) {
    const [was, text] = JSON.parse(Buffer.from(sealed.toString(), 'base64').toString()) as [string, string]
    if (was !== context) throw new Error('wrong context')
    return text
  },
}
