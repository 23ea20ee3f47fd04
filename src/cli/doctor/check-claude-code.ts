import { type Finding, ok, problem, warning } from './finding.ts';

/** What is known of an installation of Claude Code on this machine. */
export interface ClaudeCodeFacts {
  /** Text of its `settings.json`; null where there is none. */
  readonly settings: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Runs the key helper as Claude Code does; gives what it printed, or why it failed. */
  readonly runHelper: (command: string) => HelperResult;
}

export type HelperResult = { readonly printed: string } | { readonly failure: string };

/** Whatever sends requests past every base address. */
const ELSEWHERE = ['CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY'];

/** Looks for the settings with which Claude Code misses the gateway, or is refused by it. */
export function checkClaudeCode({ settings, env, runHelper }: ClaudeCodeFacts): readonly Finding[] {
  const read = readSettings(settings);
  if (read === null) {
    return [
      problem(
        'claude code',
        'its settings.json is not JSON',
        'Correct it: Claude Code ignores it as a whole.',
      ),
    ];
  }
  // What the settings say wins over the shell's environment.
  const merged = { ...env, ...read.env };
  const base = merged.ANTHROPIC_BASE_URL;
  const keys = [merged.ANTHROPIC_AUTH_TOKEN, merged.ANTHROPIC_API_KEY].filter((key) => key !== undefined);
  if (base === undefined && keys.length === 0 && read.apiKeyHelper === undefined) {
    return [warning('claude code', 'is not set up for a gateway', 'Run `llm-gateway setup`.')];
  }
  const findings = [
    ...checkBase(base),
    ...ELSEWHERE.filter((name) => isOn(merged[name])).map((name) =>
      problem('claude code', `${name} is set: requests do not come to the gateway`, `Unset ${name}.`),
    ),
    ...checkKeys(merged.ANTHROPIC_AUTH_TOKEN, merged.ANTHROPIC_API_KEY),
    ...checkHelper(read.apiKeyHelper, keys.length > 0, runHelper),
  ];
  return findings.length > 0 ? findings : [ok('claude code', `asks ${base}`)];
}

interface Settings {
  readonly env: Readonly<Record<string, string>>;
  readonly apiKeyHelper: string | undefined;
}

function readSettings(text: string | null): Settings | null {
  if (text === null) return { env: {}, apiKeyHelper: undefined };
  try {
    const { env = {}, apiKeyHelper } = JSON.parse(text) as Partial<Settings>;
    return { env, apiKeyHelper };
  } catch {
    return null;
  }
}

const isOn = (value: string | undefined) =>
  value !== undefined && value !== '' && value !== '0' && value !== 'false';

function checkBase(base: string | undefined): readonly Finding[] {
  const remedy = 'Set ANTHROPIC_BASE_URL to the gateway’s address, without a path.';
  if (base === undefined)
    return [problem('claude code', 'has a credential but no ANTHROPIC_BASE_URL', remedy)];
  if (!URL.canParse(base))
    return [problem('claude code', `ANTHROPIC_BASE_URL is no address: ${base}`, remedy)];
  if (/\/v1\/?$/.test(base)) {
    return [
      warning('claude code', 'ANTHROPIC_BASE_URL ends in /v1, and Claude Code appends its own', remedy),
    ];
  }
  return [];
}

function checkKeys(authToken: string | undefined, apiKey: string | undefined): readonly Finding[] {
  const findings: Finding[] = [];
  if (authToken !== undefined && apiKey !== undefined && authToken !== apiKey) {
    findings.push(
      warning(
        'claude code',
        'ANTHROPIC_AUTH_TOKEN and ANTHROPIC_API_KEY are both set and differ, and both are sent',
        'Keep ANTHROPIC_AUTH_TOKEN.',
      ),
    );
  }
  const foreign = [authToken, apiKey].filter((key) => key?.startsWith('sk-ant-'));
  if (foreign.length > 0) {
    findings.push(
      problem(
        'claude code',
        'its credential is one of Anthropic’s own, which the gateway refuses',
        'Use your subscription token: `llm-gateway setup`. The key of the company stays on the gateway.',
      ),
    );
  }
  return findings;
}

function checkHelper(
  helper: string | undefined,
  hasKeys: boolean,
  runHelper: ClaudeCodeFacts['runHelper'],
): readonly Finding[] {
  if (helper === undefined) return [];
  const result = runHelper(helper);
  const shadowed = hasKeys
    ? [warning('claude code', 'apiKeyHelper is not used while a key is set', 'Remove one of the two.')]
    : [];
  if ('failure' in result) {
    const told = `apiKeyHelper fails: ${result.failure}`;
    return [...shadowed, problem('claude code', told, 'Run it by hand; signed out? `llm-gateway login`.')];
  }
  if (result.printed.trim() === '' || /\s/.test(result.printed.trim())) {
    const told = 'apiKeyHelper prints something that is no token';
    return [...shadowed, problem('claude code', told, 'It must print the token alone on standard output.')];
  }
  return [...shadowed, ok('claude code', 'apiKeyHelper prints a token')];
}
