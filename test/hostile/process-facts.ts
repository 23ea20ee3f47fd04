/** What the kernel knows of a process. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

export const hasProc = process.platform === 'linux';

/** Open file descriptors. */
export const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** Memory in use now, bytes. */
export const memoryOf = (pid: number): number => statusField(pid, 'VmRSS');

/** The most memory that was ever in use, bytes. */
export const peakMemoryOf = (pid: number): number => statusField(pid, 'VmHWM');

function statusField(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
}
