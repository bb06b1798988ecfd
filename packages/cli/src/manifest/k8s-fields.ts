/**
 * Reads an object field by field and remembers which were read, so that at the end everything that nobody asked for
 * can be told to the user.
 */
export class Fields {
  private readonly object: Readonly<Record<string, unknown>>
  private readonly path: string
  private readonly read = new Set<string>()
  private readonly children = new Map<string, Fields[]>()

  constructor(value: unknown, path: string) {
    this.object =
      value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
    this.path = path
  }

  string(key: string): string | null {
    const value = this.object[key]
    if (typeof value !== 'string') return null
    this.read.add(key)
    return value
  }

  number(key: string): number | null {
    const value = this.object[key]
    if (typeof value !== 'number' || !Number.isFinite(value)) return null
    this.read.add(key)
    return value
  }

  boolean(key: string): boolean | null {
    const value = this.object[key]
    if (typeof value !== 'boolean') return null
    this.read.add(key)
    return value
  }

  /** A string, or a number as it is written: `cpu: 2`. */
  scalar(key: string): string | null {
    const number = this.number(key)
    return number === null ? this.string(key) : String(number)
  }

  strings(key: string): string[] | null {
    const value = this.object[key]
    if (!Array.isArray(value) || value.length === 0) return null
    this.read.add(key)
    return value.map(String)
  }

  child(key: string): Fields {
    const known = this.children.get(key)?.[0]
    if (known) return known
    const child = new Fields(this.object[key], this.join(key))
    if (isObject(this.object[key])) this.children.set(key, [child])
    return child
  }

  list(key: string): Fields[] {
    const value = this.object[key]
    if (!Array.isArray(value)) return []
    const items = value.map((item, index) => new Fields(item, `${this.join(key)}[${index}]`))
    this.children.set(key, items)
    return items
  }

  /** Marks fields that mean nothing here, or that are told about in other words. */
  skip(...keys: string[]): void {
    for (const key of keys) this.read.add(key)
  }

  /** Paths of everything that was not read; an object that nobody looked into is named as a whole. */
  unread(): string[] {
    return Object.keys(this.object).flatMap((key) => {
      if (this.read.has(key)) return []
      const children = this.children.get(key)
      return children ? children.flatMap((child) => child.unread()) : [this.join(key)]
    })
  }

  private join(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`
  }
}

function isObject(value: unknown): boolean {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
