/** One thing that was looked at. Texts never hold a credential. */
export interface Finding {
  readonly check: CheckName;
  readonly severity: Severity;
  /** What was seen, in one sentence. */
  readonly message: string;
  /** What to do about it; absent where all is well. */
  readonly remedy?: string;
}

export type Severity = 'ok' | 'warning' | 'problem';
export type CheckName =
  | 'configuration'
  | 'clock'
  | 'keycloak'
  | 'token'
  | 'quota store'
  | 'backend'
  | 'claude code'
  | 'codex';

export const ok = (check: CheckName, message: string): Finding => ({ check, severity: 'ok', message });
export const warning = (check: CheckName, message: string, remedy: string): Finding => ({
  check,
  severity: 'warning',
  message,
  remedy,
});
export const problem = (check: CheckName, message: string, remedy: string): Finding => ({
  check,
  severity: 'problem',
  message,
  remedy,
});

/** Exit status of all findings: 0 well, 2 where something is broken; warnings count only when strict. */
export function exitStatusOf(findings: readonly Finding[], strict: boolean): number {
  const counts = (severity: Severity) => findings.some((finding) => finding.severity === severity);
  return counts('problem') || (strict && counts('warning')) ? 2 : 0;
}

const MARKS: Readonly<Record<Severity, string>> = { ok: 'ok     ', warning: 'WARNING', problem: 'PROBLEM' };

/** One line per finding, the remedy in the line below. */
export function renderFindings(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ check, severity, message, remedy }) => [
    `${MARKS[severity]}  ${check}: ${message}`,
    ...(remedy === undefined ? [] : [`         ${remedy}`]),
  ]);
  return `${lines.join('\n')}\n`;
}
