/** Cleaning up after a test that is killed: nobody runs its `finally`. */
import { spawn } from 'node:child_process';

/**
 * Has a command run when this process is gone, however it ends.
 *
 * @returns calls it off
 */
export function whenGone(command: readonly [string, ...string[]]): () => void {
  // The pipe's other end is ours alone: it closes with this process. A group of its own survives ours being killed.
  const waiting = spawn('sh', ['-c', 'cat > /dev/null; exec "$@"', 'sh', ...command], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return () => {
    waiting.kill('SIGKILL');
    waiting.stdin.destroy();
  };
}
