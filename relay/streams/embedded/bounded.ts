/** The entry of a key, made when missing; beyond `max` the ones not touched for longest go. */
export function touch<K, T>(map: Map<K, T>, key: K, max: number, make: () => T): T {
  const entry = map.get(key) ?? make();
  map.delete(key);
  map.set(key, entry);
  if (map.size > max) map.delete(map.keys().next().value!);
  return entry;
}
