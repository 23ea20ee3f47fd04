/** JSON lines on one stream. Fields are chosen by the caller; no header, body or credential is ever one of them. */
import { type DestinationStream, pino } from 'pino';

export type LogFields = Readonly<Record<string, unknown>>;

/** What the parts of the gateway log with. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/** The process's own log. */
export interface ProcessLog extends Log {
  /** Least severity written; holds from the next line on when it is set. */
  level: string;
}

/**
 * Makes the process's log: one JSON object a line with `level`, `time` (ISO 8601, UTC) and `msg`.
 *
 * @param level least severity written
 */
export function createLog(level: string, destination: DestinationStream): ProcessLog {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
    },
    destination,
  );
}

/** Lines that wait to be written. */
export interface Gathered extends DestinationStream {
  /** Writes them now: at the end of the process, where nothing comes later. */
  flush(): void;
}

/**
 * Writes at once what is logged by all that goes on at once: under load that is one system call for many requests.
 *
 * @param later runs something after what is running now, and before anything else happens: `process.nextTick`
 */
export function gatherLines(destination: DestinationStream, later: (run: () => void) => void): Gathered {
  let lines = '';
  const flush = (): void => {
    if (lines === '') return;
    const text = lines;
    lines = '';
    destination.write(text);
  };
  return {
    write(line) {
      if (lines === '') later(flush);
      lines += line;
    },
    flush,
  };
}

/** The kind and place of a failure; messages of foreign errors may quote what they failed on, so they stay out. */
function describeError(error: unknown): LogFields {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = (error as { code?: unknown }).code;
  return {
    type: error.name,
    ...(typeof code === 'string' && { code }),
    stack: (error.stack ?? '')
      .split('\n')
      .filter((line) => line.startsWith('    at '))
      .slice(0, 8),
    ...(error.cause !== undefined && { cause: describeError(error.cause) }),
  };
}
