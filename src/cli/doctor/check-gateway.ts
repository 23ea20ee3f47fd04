import type { Answer, Ask } from './ask.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

interface Health {
  readonly status?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Asks a running gateway what it says of itself. */
export async function checkGateway(
  url: string,
  ask: Ask,
): Promise<{ readonly findings: readonly Finding[]; readonly answers: readonly Answer[] }> {
  const health = await ask(new URL('/health', url).href);
  const { status, dependencies = {} } = (health.json ?? {}) as Health;
  if (status === undefined) {
    const seen = health.failure ?? `status ${health.status}`;
    const told = `${url} is no gateway that answers (${seen})`;
    return {
      findings: [problem('configuration', told, 'Look at the address and at the pods.')],
      answers: [health],
    };
  }
  const degraded = Object.entries(dependencies).filter(([, state]) => state !== 'ok');
  const findings = degraded.map(([name]) =>
    warning('configuration', `${url} calls ${name} degraded`, 'docs/runbooks.md says what to do.'),
  );
  return {
    findings: findings.length > 0 ? findings : [ok('configuration', `${url} is well`)],
    answers: [health],
  };
}
