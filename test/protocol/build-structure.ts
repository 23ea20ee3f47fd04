/** Makes `src/protocol/structure-wasm.ts` of `structure.wat`: `npm run structure`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import wabt from 'wabt';

const folder = join(import.meta.dirname, '../../src/protocol');

/** Where the generated module is kept. */
export const GENERATED = join(folder, 'structure-wasm.ts');

/** The text of the generated module. */
export async function buildStructure(): Promise<string> {
  const { parseWat } = await wabt();
  const module = parseWat('structure.wat', readFileSync(join(folder, 'structure.wat'), 'utf8'), {
    simd: true,
  });
  const { buffer } = module.toBinary({});
  module.destroy();
  const lines = `${buffer.join(', ')},`.match(/\S.{0,106},(?= |$)/g) ?? [];
  return [
    '/** `structure.wat`, compiled. Generated: `npm run structure`. */',
    '// Numbers, because reading them costs a tenth of decoding base64.',
    'export const STRUCTURE_WASM = new Uint8Array([',
    ...lines.map((line) => `  ${line}`),
    ']);',
    '',
  ].join('\n');
}

if (import.meta.main) writeFileSync(GENERATED, await buildStructure());
