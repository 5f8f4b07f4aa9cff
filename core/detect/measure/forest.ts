import { z } from 'zod';
import { FEATURE_NAMES, type FeatureName } from './features.js';

/**
 * Isolation forest (Liu, Ting and Zhou 2008): what few random cuts set apart is unusual. Scores are those of
 * scikit-learn's `-score_samples` for the same trees: 2^(−mean path / c(n)), 0.5 is ordinary, near 1 is alone.
 */
export interface Tree {
  /** Of each node the feature that it cuts, −1 at a leaf. */
  feature: number[];
  /** A sample goes left when its value is at most this. */
  threshold: number[];
  left: number[];
  right: number[];
  /** Training samples that reached the node. */
  samples: number[];
}

const treeSchema: z.ZodType<Tree> = z
  .strictObject({
    feature: z.array(z.int().min(-1)),
    threshold: z.array(z.number()),
    left: z.array(z.int().min(-1)),
    right: z.array(z.int().min(-1)),
    samples: z.array(z.int().min(1)),
  })
  .refine(
    (tree): boolean => wellFormed(tree),
    'expected a tree: lists of equal length, children after their parents',
  );

export const forestSchema = z
  .strictObject({
    kind: z.literal('isolation-forest'),
    version: z.literal(1),
    features: z.array(z.enum(FEATURE_NAMES)).min(1).max(64),
    /** Samples that each tree saw. */
    subsample: z.int().min(2),
    /** A score above this is an anomaly: what the given share of the training data exceeded. */
    threshold: z.number().min(0).max(1),
    trained: z.strictObject({ samples: z.int(), contamination: z.number(), seed: z.int() }),
    trees: z.array(treeSchema).min(1).max(1000),
  })
  .refine(
    ({ features, trees }) => trees.every((t) => t.feature.every((f) => f < features.length)),
    'expected trees that cut only the listed features',
  );

/** A trained isolation forest: trees as lists of nodes, `threshold` a score from 0 to 1. */
export type Forest = z.output<typeof forestSchema>;

/** Children come after their parent, so that every path ends. */
function wellFormed({ feature, threshold, left, right, samples }: Tree): boolean {
  const n = feature.length;
  if (n === 0 || [threshold, left, right, samples].some((list) => list.length !== n)) return false;
  return feature.every((f, i) => f < 0 || [left[i]!, right[i]!].every((child) => child > i && child < n));
}

/** Mean length of an unsuccessful search in a binary search tree of n: what a leaf that holds n stands for. */
function averagePath(n: number): number {
  if (n <= 1) return 0;
  if (n === 2) return 1;
  return 2 * (Math.log(n - 1) + 0.5772156649015329) - (2 * (n - 1)) / n;
}

/** `sample` in the order of `forest.features`. scikit-learn holds samples as 32-bit floats; so do we. */
export function forestScore(forest: Forest, sample: readonly number[]): number {
  const single = sample.map(Math.fround);
  let depths = 0;
  for (const tree of forest.trees) depths += pathLength(tree, single);
  return 2 ** (-depths / (forest.trees.length * averagePath(forest.subsample)));
}

function pathLength(tree: Tree, sample: readonly number[]): number {
  let node = 0;
  let depth = 0;
  while (tree.feature[node]! >= 0) {
    node = sample[tree.feature[node]!]! <= tree.threshold[node]! ? tree.left[node]! : tree.right[node]!;
    depth += 1;
  }
  return depth + averagePath(tree.samples[node]!);
}

/** How a forest is made: counts of trees and samples, a share from 0 to 1. */
export interface TrainOptions {
  features: readonly FeatureName[];
  trees: number;
  subsample: number;
  /** The share of the training data that is taken for unusual. */
  contamination: number;
  seed: number;
  /** Numbers in [0, 1). */
  random: () => number;
}

/** Rows in the order of `features`, at least two. */
export function trainForest(
  rows: readonly (readonly number[])[],
  { features, trees, subsample, contamination, seed, random }: TrainOptions,
): Forest {
  const size = Math.min(subsample, rows.length);
  const depthMax = Math.ceil(Math.log2(Math.max(2, size)));
  const forest: Forest = {
    kind: 'isolation-forest',
    version: 1,
    features: [...features],
    subsample: size,
    threshold: 1,
    trained: { samples: rows.length, contamination, seed },
    trees: Array.from({ length: trees }, () => grow(pick(rows, size, random), depthMax, random)),
  };
  const scores = pick(rows, Math.min(rows.length, 20_000), random)
    .map((row) => forestScore(forest, row))
    .sort((a, b) => a - b);
  forest.threshold = scores[Math.min(scores.length - 1, Math.floor((1 - contamination) * scores.length))]!;
  return forest;
}

/** `size` different rows, by Floyd's method. */
function pick<T>(rows: readonly T[], size: number, random: () => number): T[] {
  const taken = new Set<number>();
  for (let i = rows.length - size; i < rows.length; i++) {
    const j = Math.floor(random() * (i + 1));
    taken.add(taken.has(j) ? i : j);
  }
  return [...taken].map((i) => rows[i]!);
}

function grow(rows: readonly (readonly number[])[], depthMax: number, random: () => number): Tree {
  const tree: Tree = { feature: [], threshold: [], left: [], right: [], samples: [] };
  const add = (own: readonly (readonly number[])[], depth: number): number => {
    const node = tree.feature.length;
    tree.samples.push(own.length);
    tree.left.push(-1);
    tree.right.push(-1);
    const cut = depth < depthMax && own.length > 1 ? randomCut(own, random) : undefined;
    tree.feature.push(cut?.feature ?? -1);
    tree.threshold.push(cut?.at ?? 0);
    if (!cut) return node;
    tree.left[node] = add(
      own.filter((row) => row[cut.feature]! <= cut.at),
      depth + 1,
    );
    tree.right[node] = add(
      own.filter((row) => row[cut.feature]! > cut.at),
      depth + 1,
    );
    return node;
  };
  add(rows, 0);
  return tree;
}

/** A random place between the extremes of a random feature that has any. */
function randomCut(rows: readonly (readonly number[])[], random: () => number) {
  const ranges = rows[0]!.flatMap((_, feature) => {
    const values = rows.map((row) => row[feature]!);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return high > low ? [{ feature, low, high }] : [];
  });
  const range = ranges[Math.floor(random() * ranges.length)];
  if (!range) return undefined;
  const at = range.low + random() * (range.high - range.low);
  return { feature: range.feature, at: at < range.high ? at : range.low };
}
