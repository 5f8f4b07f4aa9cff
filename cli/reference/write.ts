import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pages, referenceFolder } from './pages.js';

// `npm run docs` writes the made parts of docs/reference anew.
for (const [name, text] of await pages()) writeFileSync(join(referenceFolder(), name), text);
// What the relay’s routes were read from may leave a handle.
process.exit(0);
