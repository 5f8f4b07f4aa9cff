/** Rows of many series, each in the order of its times, as one; of one time in the order of the series. */
export function* merge<T>(series: readonly Iterator<T>[], timeOf: (row: T) => number): Generator<T> {
  const heads: { row: T; at: number; index: number }[] = [];
  const before = (a: number, b: number) =>
    heads[a]!.at - heads[b]!.at < 0 || (heads[a]!.at === heads[b]!.at && heads[a]!.index < heads[b]!.index);
  const swap = (a: number, b: number) => {
    [heads[a], heads[b]] = [heads[b]!, heads[a]!];
  };
  const sink = (from: number) => {
    for (let at = from; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heads.length && before(child, least)) least = child;
      }
      if (least === at) return;
      swap(at, least);
      at = least;
    }
  };
  series.forEach((rows, index) => {
    const next = rows.next();
    if (!next.done) heads.push({ row: next.value, at: timeOf(next.value), index });
  });
  for (let i = heads.length >> 1; i >= 0; i--) sink(i);
  while (heads.length > 0) {
    const { row, index } = heads[0]!;
    yield row;
    const next = series[index]!.next();
    if (next.done) swap(0, heads.length - 1);
    if (next.done) heads.pop();
    else heads[0] = { row: next.value, at: timeOf(next.value), index };
    sink(0);
  }
}
