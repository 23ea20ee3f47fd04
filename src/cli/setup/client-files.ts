/** Where the settings of Claude Code and Codex are. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Terminal } from '../command.ts';

type Environment = Pick<Terminal, 'env'>;

const inHome = ({ env }: Environment, name: string) => join(env.HOME ?? homedir(), name);

export const claudeSettingsFile = (terminal: Environment): string =>
  join(terminal.env.CLAUDE_CONFIG_DIR ?? inHome(terminal, '.claude'), 'settings.json');

export const codexConfigFile = (terminal: Environment): string =>
  join(terminal.env.CODEX_HOME ?? inHome(terminal, '.codex'), 'config.toml');
