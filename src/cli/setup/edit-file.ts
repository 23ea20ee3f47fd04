/** Changes a file of the user's: shows how, asks, keeps the one from before. */
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { type Terminal, UsageError } from '../command.ts';
import { toDiff } from './diff.ts';

export interface Edit {
  readonly path: string;
  /** Null: the file is not there, or is to be removed. */
  readonly before: string | null;
  readonly after: string | null;
}

export const readOrNull = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
};

/** Where the file from before the set-up is kept. */
export const backupOf = (path: string): string => `${path}.before-llm-gateway`;

/**
 * Shows the change and asks, unless `yes`.
 *
 * @returns whether it is wanted; false as well where nothing would change
 * @throws UsageError when there is nobody to ask
 */
export async function isWanted(
  { path, before, after }: Edit,
  yes: boolean,
  terminal: Terminal,
): Promise<boolean> {
  const { stdin, stderr } = terminal;
  const diff = toDiff(before ?? '', after ?? '');
  if (diff === '') {
    stderr.write(`${path} is as it should be.\n`);
    return false;
  }
  stderr.write(`${path}\n${hideSecrets(diff)}`);
  if (yes) return true;
  if (!stdin.isTTY) throw new UsageError('nothing was changed; say --yes where nobody can be asked');
  const prompt = createInterface({ input: stdin, output: stderr });
  try {
    const answer = await prompt.question('Change the file so? [y/N] ');
    const isYes = /^y(?:es)?$/i.test(answer.trim());
    if (!isYes) stderr.write('Nothing was changed.\n');
    return isYes;
  } finally {
    prompt.close();
  }
}

/** Values of JSON and TOML whose name says that nobody may look over a shoulder at them. */
const hideSecrets = (text: string) =>
  text.replace(/((?:key|token|secret|password)["']?\s*[:=]\s*["'])[^"']+/gi, '$1…');

/** Programs that read the file meanwhile see the old one or the new one; a link stays a link. */
export function apply({ path, before, after }: Edit): void {
  if (after === null) {
    rmSync(path, { force: true });
    return;
  }
  mkdirSync(dirname(path), { recursive: true });
  const target = before === null ? path : realpathSync(path);
  const mode = before === null ? 0o600 : statSync(target).mode;
  const next = `${target}.${process.pid}`;
  writeFileSync(next, after, { mode });
  renameSync(next, target);
}

export function keepBackup({ path, before }: Edit): void {
  if (before === null) rmSync(backupOf(path), { force: true });
  else copyFileSync(path, backupOf(path));
}

export const dropBackup = (path: string): void => rmSync(backupOf(path), { force: true });
