/** What every command of `llm-gateway` is given and is. */

/** Where a command reads and writes; data goes to `stdout`, everything said to people to `stderr`. */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `--help` prints below the first line. */
  readonly usage: string;
  /**
   * @param args what follows the command's name
   * @returns the exit status
   * @throws UsageError when the arguments make no sense
   */
  readonly run: (args: readonly string[], terminal: Terminal) => Promise<number>;
}

/** The arguments make no sense: said together with the usage, exit status 64 (EX_USAGE of sysexits.h). */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const EXIT_USAGE = 64;
