/** Lets Node run the gateway's TypeScript from inside `node_modules`, where it declines to do so by itself. */
import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';

// Each release of Node that has the function calls it experimental; nobody who types a command needs to read that.
const { emitWarning } = process;
process.emitWarning = (warning, ...rest) =>
  `${warning}`.includes('stripTypeScriptTypes') ? undefined : emitWarning.call(process, warning, ...rest);

const own = new URL('../src/', import.meta.url).href;

registerHooks({
  load(url, context, next) {
    if (!url.startsWith(own) || !url.endsWith('.ts')) return next(url, context);
    const source = stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'));
    return { format: 'module', source, shortCircuit: true };
  },
});
