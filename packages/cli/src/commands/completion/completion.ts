import { script } from '@bomb.sh/tab'
import { defineCommand } from '../../command.ts'

const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const

export const command = defineCommand({
  args: { shell: { value: SHELLS.join('|'), text: 'Which shell', required: true, choices: SHELLS } },
  options: {},
  formats: false,
  details: [
    'Names of cronjobs, runs, alerts and projects are asked from the server. bash: needs bash-completion.',
    'fish: panda completion fish > ~/.config/fish/completions/panda.fish',
    'powershell: panda completion powershell >> $PROFILE',
  ],
  examples: [
    { line: 'panda completion bash > ~/.local/share/bash-completion/completions/panda', note: 'then open a new shell' },
    { line: 'panda completion zsh > ~/.zsh/_panda', note: 'a folder of your fpath' },
  ],
  async run({ args }) {
    script(args.shell, 'panda', 'panda')
  },
})
