import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What `npm start` gives to Node: its options, and last the file. */
export function startArguments(): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8');
  const { scripts } = JSON.parse(text) as { readonly scripts: { readonly start: string } };
  return scripts.start.split(' ').slice(1);
}
