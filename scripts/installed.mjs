// Exit status 0 when node_modules holds what package-lock.json names, to the byte: a lockfile that only came anew (a
// checkout, a workspace more) is no reason to install and compile everything again.
import { readFileSync } from 'node:fs';

const packagesOf = (file) =>
  new Map(
    Object.entries(JSON.parse(readFileSync(file, 'utf8')).packages).filter(
      ([path, { link }]) => path.includes('node_modules/') && !link,
    ),
  );

let installed;
try {
  installed = packagesOf('node_modules/.package-lock.json');
} catch {
  process.exit(1);
}
const wanted = packagesOf('package-lock.json');
const same = (a, b) => a?.version === b?.version && a?.integrity === b?.integrity;
const wrong = [...installed].some(([path, it]) => !same(it, wanted.get(path)));
// Optional ones are for other machines.
const missing = [...wanted].some(([path, { optional }]) => !optional && !installed.has(path));
process.exit(wrong || missing ? 1 : 0);
