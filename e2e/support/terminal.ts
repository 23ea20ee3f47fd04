/** The real Claude Code in a terminal of its own, typed at and read like a person does. */
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { claudeCodeBinary } from './claude-code.ts';
import { whenGone } from './when-gone.ts';

export interface TerminalOptions {
  /** Where everything of this terminal is kept; the caller removes it. */
  readonly folder: string;
  /** What an administrator has set on this machine: `/etc/claude-code/managed-settings.json`. */
  readonly managedSettings: Readonly<Record<string, unknown>>;
  /** Arguments of Claude Code. */
  readonly args?: readonly string[];
}

export interface Terminal {
  /** What is on the screen now, without empty lines. */
  screen(): string;
  /** Waits until the screen has a text; gives the match. */
  see(pattern: RegExp, ms?: number): Promise<RegExpExecArray>;
  /** Types a text as it is. */
  type(text: string): void;
  /** Presses keys by tmux's names: `Enter`, `Up`, `C-c`. */
  press(...keys: string[]): void;
  /** Moves the mark of a menu to a line and takes it. */
  choose(line: RegExp): Promise<void>;
  close(): void;
}

/** Why no terminal can be had on this machine; null: it can. */
export function whyNoTerminal(): string | null {
  if (process.platform !== 'linux') return 'managed settings of its own need Linux';
  if (spawnSync('tmux', ['-V']).status !== 0) return 'tmux is missing';
  const { status } = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true']);
  return status === 0 ? null : 'this machine lets nobody have a view of /etc of their own';
}

/**
 * The command that runs Claude Code where `/etc/claude-code` holds the settings, for itself alone: a view of `/etc`
 * of its own, so that nothing else on the machine obeys them.
 */
export async function managedClaudeCode({
  folder,
  managedSettings,
  args = [],
}: TerminalOptions): Promise<readonly string[]> {
  const etc = join(folder, 'etc');
  const [home, work] = [join(folder, 'home'), join(folder, 'work')];
  await Promise.all([join(etc, 'claude-code'), home, work].map((path) => mkdir(path, { recursive: true })));
  await writeFile(join(etc, 'claude-code', 'managed-settings.json'), JSON.stringify(managedSettings));
  const environment = [
    'PATH=/usr/bin:/bin',
    `HOME=${home}`,
    `CLAUDE_CONFIG_DIR=${join(home, '.claude')}`,
    'TERM=xterm-256color',
    'CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1',
    'DISABLE_AUTOUPDATER=1',
    'IS_SANDBOX=1',
  ];
  const script = `mount -t overlay overlay -o lowerdir=${etc}:/etc /etc && cd ${work} && exec "$@"`;
  const inside = ['env', '-i', ...environment, claudeCodeBinary(), ...args];
  return ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', ...inside];
}

/** Starts Claude Code in a terminal of 120 columns. */
export async function openTerminal(options: TerminalOptions): Promise<Terminal> {
  const command = await managedClaudeCode(options);
  const socket = join(options.folder, 'tmux');
  const tmux = (...args: readonly string[]) => {
    const { stdout } = spawnSync('tmux', ['-S', socket, ...args], { encoding: 'utf8' });
    return stdout;
  };
  const callOff = whenGone(['tmux', '-S', socket, 'kill-server']);
  tmux('new-session', '-d', '-x', '120', '-y', '50', ...command);

  const screen = () => tmux('capture-pane', '-p').replaceAll(/^\s*\n/gm, '');
  async function see(pattern: RegExp, ms = 30_000): Promise<RegExpExecArray> {
    const deadline = Date.now() + ms;
    for (;;) {
      const found = pattern.exec(screen());
      if (found !== null) return found;
      if (Date.now() > deadline) throw new Error(`not seen within ${ms} ms: ${pattern}\n${screen()}`);
      await pause(100);
    }
  }
  return {
    screen,
    see,
    type: (text) => void tmux('send-keys', '-l', text),
    press: (...keys) => void tmux('send-keys', ...keys),
    async choose(line) {
      await see(line);
      const marked = new RegExp(`❯[^\\n]*${line.source}`);
      for (let moves = 0; moves < 5 && !marked.test(screen()); moves += 1) {
        tmux('send-keys', 'Down');
        await pause(300);
      }
      await see(marked, 1000);
      tmux('send-keys', 'Enter');
    },
    close() {
      tmux('kill-server');
      callOff();
    },
  };
}
