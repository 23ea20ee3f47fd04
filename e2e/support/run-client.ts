/** A coding agent from the command line: started, given its prompt, and waited for. */
import { spawn } from 'node:child_process';

export interface ClientRun {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Written to its standard input, which is then closed. */
  readonly prompt: string;
  /** It is killed after this time, in milliseconds (60,000). */
  readonly timeoutMs?: number | undefined;
}

export interface ClientResult {
  /** Null where it was killed. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export function runClient({ program, args, cwd, env, prompt, timeoutMs }: ClientRun): Promise<ClientResult> {
  const started = performance.now();
  const child = spawn(program, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(prompt);
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs ?? 60_000);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode) => {
      clearTimeout(timer);
      resolve({
        exitCode,
        stdout: Buffer.concat(stdout).toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
        durationMs: performance.now() - started,
      });
    });
  });
}
