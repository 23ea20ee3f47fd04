/**
 * Fills `NODE_COMPILE_CACHE` while the image is built: loads every module that a gateway may load and starts one.
 *
 *   cd /app && node compile.js
 *
 * Plain JavaScript, because the image has no use for it afterwards and nothing else to strip.
 */
import { globSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { resolve } from 'node:path';

for (const path of globSync('src/**/*.ts', {
  exclude: ['src/main.ts', 'src/cli/main.ts', 'src/**/*.d.ts'],
})) {
  await import(resolve(path));
}
await import(resolve('src/main.ts'));
flushCompileCache();
process.exit(0);
