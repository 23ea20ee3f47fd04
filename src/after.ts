/** Time that passes, for whatever waits: taken as a parameter, so that tests need not. */

/** Runs something once, `ms` milliseconds from now; what it returns calls that off. */
export type After = (ms: number, run: () => void) => () => void;

/** A real timer. It keeps no process alive. */
export const afterTimeout: After = (ms, run) => {
  const timer = setTimeout(run, ms);
  timer.unref();
  return () => clearTimeout(timer);
};
