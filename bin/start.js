/**
 * `npm start`: has Node keep the code that it compiles for the next start, which takes half the CPU and 20 MB less then.
 * Plain JavaScript, because the first TypeScript file would load what strips types off.
 */
import { enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { cacheFolder } from './cache-folder.js';

// V8 puts what is made in the same place in the program as much that lived long among the old at once. Of a gateway's
// requests that is wrong: each such piece keeps a whole request in memory until the next collection of the whole heap, and
// collections of the young take ten times as long (docs/decisions/2026-11-22-hot-path.md).
setFlagsFromString('--no-allocation-site-pretenuring');
enableCompileCache(join(cacheFolder, 'compiled'));
await import('../src/main.ts');
// A process that is killed in the end would never write it.
flushCompileCache();
