import { DatabaseSync } from 'node:sqlite';
import { CommandFailure, EXIT_UNAVAILABLE } from '../command.ts';

/**
 * Does the work while no other process does its own under the same file. SQLite's lock is the operating system's, so
 * it ends with the process that holds it, however that ends; Node has no other such lock.
 *
 * @param file made where it is missing; stays empty
 * @param waitMs how long others are waited for, in milliseconds
 * @throws CommandFailure when the wait is over
 */
export async function withLock<T>(file: string, waitMs: number, work: () => Promise<T>): Promise<T> {
  const lock = new DatabaseSync(file, { timeout: waitMs });
  try {
    hold(lock);
    return await work();
  } finally {
    lock.close();
  }
}

function hold(lock: DatabaseSync): void {
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    if (!isBusy(error)) throw error;
    throw new CommandFailure('another llm-gateway holds the sign-in; try again shortly', EXIT_UNAVAILABLE);
  }
}

const SQLITE_BUSY = 5;
const isBusy = (error: unknown) =>
  error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
