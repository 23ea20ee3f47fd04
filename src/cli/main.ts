/** The command line: `llm-gateway <command>`. */
import type { CommandTable } from './run-command.ts';
import { runCommand } from './run-command.ts';

const COMMANDS: CommandTable = {
  serve: async () => (await import('./serve.ts')).serve,
  doctor: async () => (await import('./doctor/doctor.ts')).doctor,
  top: async () => (await import('./top/top.ts')).top,
};

const { stdin, stdout, stderr, env } = process;
process.exitCode = await runCommand(COMMANDS, process.argv.slice(2), { stdin, stdout, stderr, env });
