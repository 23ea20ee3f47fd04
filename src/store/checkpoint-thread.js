/**
 * The thread of `checkpoints.ts`: takes the name of a database file and answers with it when its log has been moved into
 * it. Plain JavaScript, because a thread does not inherit what strips types off.
 */
import { DatabaseSync } from 'node:sqlite';
import { parentPort } from 'node:worker_threads';

parentPort.on('message', (file) => {
  const db = new DatabaseSync(file);
  try {
    db.exec('PRAGMA wal_checkpoint(PASSIVE)');
    parentPort.postMessage(file);
  } finally {
    db.close();
  }
});
