/** Entries of keys `group/rest`, bounded in all; those of a group are found without a look at the others. */
export class Recent<T> {
  readonly #max: number;
  readonly #entries = new Map<string, T>();
  readonly #groups = new Map<string, Set<string>>();

  constructor(max: number) {
    this.#max = max;
  }

  get = (key: string): T | undefined => this.#entries.get(key);

  touch(key: string, make: () => T): T {
    const known = this.#entries.get(key);
    const entry = known ?? make();
    if (known !== undefined) this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (known === undefined) this.#join(key);
    if (this.#entries.size > this.#max) this.#drop(this.#entries.keys().next().value!);
    return entry;
  }

  /** `prefix`: a group, with the slash behind it. */
  of(prefix: string): T[] {
    return [...(this.#groups.get(prefix) ?? [])].map((key) => this.#entries.get(key)!);
  }

  #join(key: string): void {
    const group = groupOf(key);
    const keys = this.#groups.get(group);
    if (keys) keys.add(key);
    else this.#groups.set(group, new Set([key]));
  }

  #drop(key: string): void {
    this.#entries.delete(key);
    const keys = this.#groups.get(groupOf(key));
    keys?.delete(key);
    if (keys?.size === 0) this.#groups.delete(groupOf(key));
  }
}

const groupOf = (key: string) => key.slice(0, key.lastIndexOf('/') + 1);
