/** Lets Node run the gateway's TypeScript from inside `node_modules`, where it declines to do so by itself. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from './cache-folder.js';

// Each release of Node that has the function calls it experimental; nobody who types a command needs to read that.
const { emitWarning } = process;
process.emitWarning = (warning, ...rest) =>
  `${warning}`.includes('stripTypeScriptTypes') ? undefined : emitWarning.call(process, warning, ...rest);

const own = new URL('../src/', import.meta.url).href;
const folder = join(cacheFolder, `stripped-${process.version}`);

/** Stripping takes longer than all else that a quick command does, so its result is kept under the source's hash. */
function strip(source) {
  const file = join(folder, `${createHash('sha256').update(source).digest('hex')}.js`);
  try {
    return readFileSync(file, 'utf8');
  } catch {
    const stripped = stripTypeScriptTypes(source);
    keep(file, stripped);
    return stripped;
  }
}

function keep(file, text) {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.${process.pid}`, text);
    renameSync(`${file}.${process.pid}`, file);
  } catch {
    // Where nothing can be written, each run strips anew.
  }
}

registerHooks({
  load(url, context, next) {
    if (!url.startsWith(own) || !url.endsWith('.ts')) return next(url, context);
    const source = strip(readFileSync(fileURLToPath(url), 'utf8'));
    return { format: 'module', source, shortCircuit: true };
  },
});
