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
