import type { Sender } from '../../packages/server/src/alerts/channels/send.ts'

/**
 * A sender that says nothing until its try is cut short.
 * @param real sends to the other addresses
 * @param which addresses it is silent about; default: all
 */
export function silentSender(real: Sender, which: (url: string) => boolean = () => true) {
  const asked: string[] = []
  let tell = (): void => {}
  const sending = new Promise<void>((resolve) => (tell = resolve))
  const sender: Sender = {
    async send(channel, message, signal) {
      const url = channel.kind === 'email' ? '' : channel.url
      asked.push(url)
      tell()
      if (!which(url)) return real.send(channel, message, signal)
      await new Promise<never>((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error))
      })
    },
    close: () => real.close(),
  }
  return { sender, asked, sending }
}
