/** Remembers under that key, as the newest; beyond `max` the oldest goes. */
export function remember<K, T>(map: Map<K, T>, key: K, entry: T, max: number): void {
  map.delete(key);
  map.set(key, entry);
  if (map.size > max) map.delete(map.keys().next().value!);
}

/** The entry of a key, made when missing; beyond `max` the one not touched for longest goes. */
export function touch<K, T>(map: Map<K, T>, key: K, max: number, make: () => T): T {
  const entry = map.get(key) ?? make();
  remember(map, key, entry, max);
  return entry;
}
