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

/** Something outside of the arguments keeps a command from its work: said in one sentence, without a stack. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly status: number;

  /** @param status {@link EXIT_FAILED} when nothing more particular fits */
  constructor(message: string, status: number = EXIT_FAILED) {
    super(message);
    this.status = status;
  }
}

export const EXIT_FAILED = 1;
export const EXIT_USAGE = 64;
/** The gateway or the identity provider does not answer (EX_UNAVAILABLE). */
export const EXIT_UNAVAILABLE = 69;
/** Not signed in, or refused (EX_NOPERM). */
export const EXIT_NOT_PERMITTED = 77;
