/** What every contender carries: an object whose JSON has exactly so many bytes. */
export function payload(bytes: number): Record<string, unknown> {
  const plain = { fileId: 'f_0123456789abcdef', userId: 'u_0123456789abcdef', name: '' }
  return { ...plain, name: 'x'.repeat(bytes - JSON.stringify(plain).length) }
}

export const DATA = payload(100)
export const BODY = JSON.stringify(DATA)
