/** The command line: `llm-gateway <command>`. */
import type { CommandTable } from './run-command.ts';
import { runCommand } from './run-command.ts';

const COMMANDS: CommandTable = {
  login: async () => (await import('./login.ts')).login,
  logout: async () => (await import('./logout.ts')).logout,
  claude: async () => (await import('./claude.ts')).claude,
  setup: async () => (await import('./setup/setup.ts')).setup,
  token: async () => (await import('./token.ts')).token,
  quota: async () => (await import('./quota/quota.ts')).quota,
  statusline: async () => (await import('./quota/statusline.ts')).statusline,
  keys: async () => (await import('./keys.ts')).keys,
  serve: async () => (await import('./serve.ts')).serve,
  doctor: async () => (await import('./doctor/doctor.ts')).doctor,
  top: async () => (await import('./top/top.ts')).top,
};

const { stdin, stdout, stderr, env } = process;
process.exitCode = await runCommand(COMMANDS, process.argv.slice(2), { stdin, stdout, stderr, env });
