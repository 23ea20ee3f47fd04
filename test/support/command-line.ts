/** `llm-gateway` as a person types it, in a home of its own. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandLine {
  readonly home: string;
  /** `llm-gateway` with these arguments. */
  run(args: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** Another program, in the same home. */
  exec(program: string, args: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** Removes the home. */
  close(): void;
}

export interface RunOptions {
  /** Standard input; empty when there is none. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Told whatever comes on standard error. */
  readonly onStderr?: (text: string) => void;
  /** Ends the program; what is told is why. */
  readonly signal?: AbortSignal;
}

/** A program that takes longer is ended, so that a test says what it has told. */
const LONGEST_MS = 90_000;
const PROGRAM = join(import.meta.dirname, '..', '..', 'bin', 'llm-gateway.js');

/** @param env further environment of every command */
export function openCommandLine(env: Readonly<Record<string, string>> = {}): CommandLine {
  const home = mkdtempSync(join(tmpdir(), 'llm-gateway-cli-'));
  const exec: CommandLine['exec'] = (program, args, options = {}) => {
    const child = spawn(program, args, {
      env: { PATH: process.env.PATH, HOME: home, ...env, ...options.env },
      cwd: home,
      timeout: LONGEST_MS,
      ...(options.signal !== undefined && { signal: options.signal }),
    });
    child.stdin.on('error', () => undefined).end(options.input ?? '');
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
        if (name === 'stderr') options.onStderr?.(text);
      });
    return new Promise((resolve, reject) => {
      child.on('error', (error) => reject(options.signal?.reason ?? error));
      child.on('close', (status) => resolve({ status, ...output }));
    });
  };
  return {
    home,
    run: (args, options) => exec(process.execPath, [PROGRAM, ...args], options),
    exec,
    close: () => rmSync(home, { recursive: true, force: true, maxRetries: 3 }),
  };
}
