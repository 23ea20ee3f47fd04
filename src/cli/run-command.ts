import { type Command, CommandFailure, EXIT_USAGE, type Terminal, UsageError } from './command.ts';

/** Commands by name; each is loaded when it is asked for, so that a quick one starts quickly. */
export type CommandTable = Readonly<Record<string, () => Promise<Command>>>;

/**
 * Runs one command of the table.
 *
 * @param argv the command's name and its arguments; none: the list of commands
 * @returns the exit status
 */
export async function runCommand(
  table: CommandTable,
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const [name = 'help', ...args] = argv;
  if (name === 'help' || name === '--help' || name === '-h') {
    terminal.stdout.write(await overview(table));
    return 0;
  }
  const load = Object.hasOwn(table, name) ? table[name] : undefined;
  if (load === undefined) {
    terminal.stderr.write(`llm-gateway: there is no command "${name}"\n\n${await overview(table)}`);
    return EXIT_USAGE;
  }
  const command = await load();
  if (asksForHelp(args)) {
    terminal.stdout.write(helpOf(name, command));
    return 0;
  }
  try {
    return await command.run(args, terminal);
  } catch (error) {
    if (error instanceof CommandFailure) {
      terminal.stderr.write(`llm-gateway ${name}: ${error.message}\n`);
      return error.status;
    }
    if (!isUsageError(error)) throw error;
    terminal.stderr.write(`llm-gateway ${name}: ${error.message}\n\n${helpOf(name, command)}`);
    return EXIT_USAGE;
  }
}

/** What follows `--` is for another program. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).some((arg) => arg === '--help' || arg === '-h');
}

/** `parseArgs` of Node has error codes of its own for arguments that it does not know. */
function isUsageError(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  return error instanceof Error && 'code' in error && `${error.code}`.startsWith('ERR_PARSE_ARGS_');
}

const helpOf = (name: string, { summary, usage }: Command) => `llm-gateway ${name}: ${summary}\n\n${usage}\n`;

async function overview(table: CommandTable): Promise<string> {
  const rows = await Promise.all(
    Object.entries(table).map(async ([name, load]) => `  ${name.padEnd(12)}${(await load()).summary}`),
  );
  return `Usage: llm-gateway <command> [options]\n\n${rows.join('\n')}\n\nllm-gateway <command> --help says more.\n`;
}
