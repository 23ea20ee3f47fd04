import { dirname, join } from 'node:path';
import { CommandFailure } from './command.ts';

/** What others run to reach this program: this very Node, so that an old one on the path does not matter. */
export type OwnCommand = readonly [node: string, program: string];

export const ownCommand = (): OwnCommand => [
  process.execPath,
  join(dirname(dirname(import.meta.dirname)), 'bin', 'llm-gateway.js'),
];

/**
 * The same for files that outlive this run.
 *
 * @throws CommandFailure where npx runs it from a folder that npm may empty
 */
export function lastingCommand(): OwnCommand {
  const own = ownCommand();
  if (!own[1].split(/[\\/]/).includes('_npx')) return own;
  throw new CommandFailure('npx keeps this program only for a while; install it first: npm install --global');
}

/** For a shell: `sh`, and `cmd` on Windows. */
export function toShell(words: readonly string[], platform: NodeJS.Platform = process.platform): string {
  const quote = (word: string) =>
    /^[\w@%+=:,./-]+$/.test(word)
      ? word
      : platform === 'win32'
        ? `"${word}"`
        : `'${word.replaceAll("'", `'\\''`)}'`;
  return words.map(quote).join(' ');
}
