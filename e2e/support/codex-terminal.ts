/** Codex as people use it: in a terminal, which is tmux's. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type CodexRun, codexBinary, codexConfig, codexEnvironment } from './codex.ts';
import { endCodex } from './end-codex.ts';
import { whenGone } from './when-gone.ts';

export interface Terminal {
  /** What is on the screen now. */
  screen(): string;
  /** Types a line and sends it. */
  type(line: string): Promise<void>;
  /** Waits until the screen shows it; fails with the screen where it does not come. */
  shows(text: RegExp): Promise<void>;
  close(): void;
}

/** Why there can be no terminal here; `null` where there can. */
export function terminalMissing(): string | null {
  return spawnSync('tmux', ['-V']).status === 0
    ? null
    : "Codex's terminal is not tried: tmux is not installed";
}

const PATIENCE_MS = 40_000;

/** Starts Codex in a terminal of its own. Close it when the test ends. */
export function openCodex(
  run: Omit<CodexRun, 'prompt'> & { readonly home: string; readonly cwd: string },
): Terminal {
  const { home, cwd, token } = run;
  mkdirSync(join(home, '.codex'), { recursive: true });
  const trust = `[projects.${JSON.stringify(cwd)}]\ntrust_level = "trusted"\n`;
  writeFileSync(join(home, '.codex', 'config.toml'), codexConfig(run) + trust);
  const socket = `codex-${randomUUID()}`;
  const tmux = (...args: string[]) =>
    execFileSync('tmux', ['-L', socket, '-f', '/dev/null', ...args]).toString();
  const callOff = whenGone([process.execPath, join(import.meta.dirname, 'end-codex.ts'), socket, home]);
  const env = Object.entries({ ...codexEnvironment(home, token), TERM: 'xterm-256color' });
  const command = ['env', '-i', ...env.map(([name, value]) => `${name}=${value}`), codexBinary()];
  tmux('new-session', '-d', '-x', '140', '-y', '50', '-c', cwd, ...command);
  const screen = () => tmux('capture-pane', '-p');

  const shows = async (text: RegExp) => {
    const deadline = Date.now() + PATIENCE_MS;
    while (!text.test(screen())) {
      if (Date.now() > deadline) throw new Error(`${text} never came; the screen:\n${screen()}`);
      await pause(100);
    }
  };

  return {
    screen,
    shows,
    async type(line) {
      // What comes before its line is there is lost.
      for (let attempt = 0; attempt < 20 && !screen().includes(line); attempt += 1) {
        tmux('send-keys', '-l', line);
        await pause(2000);
      }
      // Codex takes what comes at once for pasted text, Enter included.
      await pause(500);
      tmux('send-keys', 'Enter');
    },
    close() {
      endCodex(socket, home);
      callOff();
    },
  };
}
