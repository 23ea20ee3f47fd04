/** Runs something once, `ms` milliseconds from now; what it returns calls that off. */
export type After = (ms: number, run: () => void) => () => void;
