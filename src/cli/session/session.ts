/** The sign-in of this person on this machine: one file, which every helper shares. */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { asObject, parseJson } from '../../protocol/json.ts';
import { CommandFailure, EXIT_NOT_PERMITTED, type Terminal } from '../command.ts';

/** By a key that does not change. */
export interface KeySession {
  readonly kind: 'key';
  /** Origin and path of the gateway, without a slash at its end. */
  readonly gateway: string;
  readonly key: string;
}

/** By an identity provider. */
export interface OAuthSession {
  readonly kind: 'oauth';
  readonly gateway: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly tokenEndpoint: string;
  /** Null where the provider has none. */
  readonly revocationEndpoint: string | null;
  readonly accessToken: string;
  /** When a new access token is asked for, and when the old one ends. Milliseconds since the epoch. */
  readonly renewAt: number;
  readonly expiresAt: number;
  /** Null: the sign-in cannot be renewed, or its renewal was refused. */
  readonly refreshToken: string | null;
}

export type Session = KeySession | OAuthSession;

/** Where the sign-in is kept, and for which gateway it is wanted (null: for whichever it is). */
export interface SessionPlace {
  readonly folder: string;
  readonly wanted: string | null;
}

/** `$XDG_CONFIG_HOME/llm-gateway`, else `~/.config/llm-gateway`. */
export const configFolder = ({ env }: Pick<Terminal, 'env'>): string =>
  join(absolute(env.XDG_CONFIG_HOME) ?? join(env.HOME ?? homedir(), '.config'), 'llm-gateway');

/** `$XDG_CACHE_HOME/llm-gateway`, else `~/.cache/llm-gateway`. */
export const cacheFolder = ({ env }: Pick<Terminal, 'env'>): string =>
  join(absolute(env.XDG_CACHE_HOME) ?? join(env.HOME ?? homedir(), '.cache'), 'llm-gateway');

/** The XDG Base Directory Specification ignores what is not absolute. */
const absolute = (path: string | undefined) => (path?.startsWith('/') ? path : undefined);

const fileIn = (folder: string) => join(folder, 'session.json');

/** Held while the session is written. */
export const lockIn = (folder: string): string => join(folder, 'session.lock');

/**
 * @returns null when nobody is signed in
 * @throws CommandFailure when the file is not one of ours
 */
export function readSession(folder: string): Session | null {
  let text: string;
  try {
    text = readFileSync(fileIn(folder), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const session = parseJson(text);
  if (isSession(session)) return session;
  throw new CommandFailure(`${fileIn(folder)} cannot be read; delete it and sign in again`);
}

function isSession(value: unknown): value is Session {
  const one = asObject(value);
  const areTexts = (...names: string[]) => names.every((name) => typeof one[name] === 'string');
  if (one.kind === 'key') return areTexts('gateway', 'key');
  const isTextOrNull = (name: string) => one[name] === null || typeof one[name] === 'string';
  return (
    one.kind === 'oauth' &&
    areTexts('gateway', 'issuer', 'clientId', 'tokenEndpoint', 'accessToken') &&
    isTextOrNull('revocationEndpoint') &&
    isTextOrNull('refreshToken') &&
    typeof one.renewAt === 'number' &&
    typeof one.expiresAt === 'number'
  );
}

/** Readers see the old file or the new one, and nobody else on this machine sees either. */
export function writeSession(folder: string, session: Session): void {
  makeFolder(folder);
  const next = `${fileIn(folder)}.${process.pid}`;
  writeFileSync(next, `${JSON.stringify(session, null, 2)}\n`, { mode: 0o600 });
  renameSync(next, fileIn(folder));
}

export function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o700);
}

export function removeSession(folder: string): void {
  rmSync(fileIn(folder), { force: true });
}

/**
 * The sign-in for the wanted gateway. A token never goes to another gateway than the one it was got for.
 *
 * @throws CommandFailure when there is none
 */
export function requireSession({ folder, wanted }: SessionPlace): Session {
  const session = readSession(folder);
  if (session === null) throw signedOut(wanted);
  if (wanted === null || wanted === session.gateway) return session;
  const message = `you are signed in to ${session.gateway}, not to ${wanted}; run: llm-gateway login --url ${wanted}`;
  throw new CommandFailure(message, EXIT_NOT_PERMITTED);
}

export function signedOut(gateway: string | null): CommandFailure {
  const how = `llm-gateway login${gateway === null ? '' : ` --url ${gateway}`}`;
  return new CommandFailure(`you are not signed in; run: ${how}`, EXIT_NOT_PERMITTED);
}
