/** What the kernel knows of a process. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

export const hasProc = process.platform === 'linux';

/** Open file descriptors. */
export const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** Memory in use now, bytes. */
export const memoryOf = (pid: number): number => statusField(pid, 'VmRSS');

/** The most memory that was ever in use, bytes. */
export const peakMemoryOf = (pid: number): number => statusField(pid, 'VmHWM');

/** Whether a connection over IPv4 is open, as the end with `localPort` sees it. */
export function hasConnection(localPort: number, remotePort: number): boolean {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0');
  // sl, local address, remote address, state: 01 is ESTABLISHED.
  const row = new RegExp(`^\\s*\\d+: \\w{8}:${hex(localPort)} \\w{8}:${hex(remotePort)} 01 `, 'm');
  return row.test(readFileSync('/proc/net/tcp', 'utf8'));
}

function statusField(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
}
