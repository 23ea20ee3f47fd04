import { type Finding, ok, problem, warning } from './finding.ts';

/**
 * Looks at Codex's `config.toml` for what keeps it from working through a gateway (facts measured with 0.169.0).
 *
 * @param config its text; null where Codex is not set up
 */
export function checkCodex(config: string | null): readonly Finding[] {
  if (config === null) return [];
  const provider = stringAt(config, 'model_provider');
  if (provider === null || provider === 'openai') {
    return [warning('codex', 'asks OpenAI, not the gateway', 'Run `llm-gateway setup codex`.')];
  }
  const section = sectionOf(config, `model_providers.${provider}`);
  if (section === null) {
    const told = `names the provider "${provider}" and does not describe it`;
    return [problem('codex', told, 'Run `llm-gateway setup codex`.')];
  }
  const base = stringAt(section, 'base_url');
  const findings = [
    ...(base === null || !/\/v1\/?$/.test(base)
      ? [
          problem(
            'codex',
            `the base_url of "${provider}" does not end in /v1`,
            'Codex appends only /responses to it.',
          ),
        ]
      : []),
    ...(stringAt(section, 'wire_api') === 'chat'
      ? [
          problem(
            'codex',
            'wire_api is "chat", which Codex refuses to start with',
            'Set wire_api = "responses".',
          ),
        ]
      : []),
    ...(stringAt(section, 'name') === 'OpenAI'
      ? [
          problem(
            'codex',
            'the provider is named "OpenAI", so Codex compacts in a way only OpenAI answers',
            'Give it another name.',
          ),
        ]
      : []),
  ];
  return findings.length > 0 ? findings : [ok('codex', `asks ${base}`)];
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A string of TOML at the start of a line; the little that Codex's own file needs. */
function stringAt(toml: string, key: string): string | null {
  const top = new RegExp(`^\\s*${escaped(key)}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'm').exec(toml);
  return top?.[1] ?? top?.[2] ?? null;
}

function sectionOf(toml: string, name: string): string | null {
  const [, rest] = toml.split(new RegExp(`^\\s*\\[${escaped(name)}\\]\\s*$`, 'm'));
  return rest === undefined ? null : (rest.split(/^\s*\[/m)[0] ?? '');
}
