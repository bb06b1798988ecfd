import type { Target } from './context.ts'
import { EXIT } from './exit-codes.ts'
import { CliError } from './errors.ts'
import type { Format } from './globals.ts'
import type { Client } from './http/client.ts'
import { write, type Io } from './io.ts'
import { wrap } from './output/wrap.ts'
import { createStyle, wantsColor, type Style } from './output/style.ts'

export interface Globals {
  readonly format: Format
  readonly project: string | undefined
  readonly url: string | undefined
  readonly context: string | undefined
  readonly noColor: boolean
  readonly noInput: boolean
  readonly yes: boolean
}

/** What a handler works with: the terminal, how to show things, and the server. */
export class Session {
  readonly io: Io
  readonly globals: Globals
  /** Colours of stdout and of stderr: one may be a pipe while the other is a terminal. */
  readonly style: Style
  readonly errorStyle: Style
  readonly colors: { readonly stdout: boolean; readonly stderr: boolean }
  #client: Promise<Client> | undefined

  private constructor(io: Io, globals: Globals, colors: Session['colors'], styles: readonly [Style, Style]) {
    this.io = io
    this.globals = globals
    this.colors = colors
    this.style = styles[0]
    this.errorStyle = styles[1]
  }

  static async open(io: Io, globals: Globals): Promise<Session> {
    const colors = {
      stdout: wantsColor(io.stdout, io.env, globals.noColor),
      stderr: wantsColor(io.stderr, io.env, globals.noColor),
    }
    return new Session(io, globals, colors, [await createStyle(colors.stdout), await createStyle(colors.stderr)])
  }

  /** True when colours were turned off on purpose, not only because the stream is no terminal. */
  get colorsRefused(): boolean {
    return this.globals.noColor || (this.io.env['NO_COLOR'] ?? '') !== ''
  }

  /** Where calls go. @throws CliError when the chosen context does not exist. */
  async target(): Promise<Target> {
    const { findTarget } = await import('./context.ts')
    return findTarget(this.globals, this.io.env)
  }

  api(): Promise<Client> {
    this.#client ??= this.#connect()
    return this.#client
  }

  async #connect(): Promise<Client> {
    const [{ Client }, { isInTheClear }, target] = await Promise.all([
      import('./http/client.ts'),
      import('./http/in-the-clear.ts'),
      this.target(),
    ])
    if (target.token !== undefined && isInTheClear(target.url))
      await this.warn(`the token goes to ${target.url} unencrypted`, 'Use https:// with a proxy that speaks TLS.')
    return new Client(target)
  }

  /** A result. */
  print(text: string): Promise<void> {
    return write(this.io.stdout, `${text}\n`)
  }

  /** Talk: what happened, what to do next. */
  say(text: string): Promise<void> {
    return write(this.io.stderr, `${text}\n`)
  }

  /** Talk that only people want: left out when the answer is for a machine. */
  async hint(text: string): Promise<void> {
    if (this.globals.format === 'table' || this.globals.format === 'wide') await this.say(this.errorStyle.dim(text))
  }

  async warn(message: string, hint?: string): Promise<void> {
    const width = this.io.stderr.isTTY === true ? this.io.stderr.columns : undefined
    const explained = hint === undefined ? [] : wrap(hint, '  ', width)
    await this.say([`${this.errorStyle.yellow('warning:')} ${message}`, ...explained].join('\n'))
  }

  get interactive(): boolean {
    const { stdin, stderr } = this.io
    return !this.globals.noInput && stdin.isTTY === true && stderr.isTTY === true
  }

  /** Asks before something that cannot be undone. @throws CliError when the answer is no or nobody can be asked. */
  async confirm(question: string, typed?: string): Promise<void> {
    if (this.globals.yes) return
    if (!this.interactive) {
      throw new CliError(`${question.replace(/\?$/, '')}: nobody to ask`, {
        code: 'confirmation_needed',
        exitCode: EXIT.usage,
        hint: 'Repeat with --yes.',
      })
    }
    const { askYes } = await import('./prompts.ts')
    if (await askYes(this.io, question, typed)) return
    throw new CliError('nothing was changed', { code: 'declined', exitCode: EXIT.failed })
  }

  /** Asks for a value without showing it. @throws CliError when nobody can be asked. */
  async askSecret(question: string, instead: string): Promise<string> {
    if (!this.interactive) {
      throw new CliError(`${question}: nobody to ask`, { code: 'input_needed', exitCode: EXIT.usage, hint: instead })
    }
    const { askSecret } = await import('./prompts.ts')
    return askSecret(this.io, question)
  }
}
