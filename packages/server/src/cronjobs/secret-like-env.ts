import type { Warning } from '@pandastack/contract'

const NAME = /(?:^|_)(?:KEY|APIKEY|TOKEN|SECRET|PASSWORD|PASSWD|PWD|CREDENTIALS?|PRIVATE_KEY|DSN)$/i
/** The beginnings that well-known issuers give their keys, a private key block, and a password inside an address. */
const VALUE =
  /^(?:sk[-_]|rk_live_|pk_live_|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|AKIA|ASIA|AIza|SG\.|npm_|eyJ[\w-]+\.eyJ)|-----BEGIN [A-Z ]*PRIVATE KEY-----|^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]+:[^/\s:@]+@/

/** Names of variables that look like a secret by their name or by their value; empty values are not. */
export function secretLikeNames(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env)
    .filter(([name, value]) => value !== '' && (NAME.test(name) || VALUE.test(value)))
    .map(([name]) => name)
}

/**
 * It works as it is; but everyone who may read the cronjob or the app can read it.
 *
 * @param cronjob whose variables they are; null = those of an app, whose secrets are the project's
 */
export function secretLikeEnvWarning(cronjob: string | null, env: Readonly<Record<string, string>>): Warning | null {
  const names = secretLikeNames(env)
  if (names.length === 0) return null
  const verb = names.length === 1 ? 'looks like a secret and is' : 'look like secrets and are'
  const of = cronjob === null ? '' : ` --cronjob ${cronjob}`
  return {
    code: 'secret-like-env',
    message: `${names.join(', ')} ${verb} stored in the clear.`,
    hint: `Keep it encrypted and out of answers and logs: panda secret set ${names.join(' ')}${of}`,
  }
}
