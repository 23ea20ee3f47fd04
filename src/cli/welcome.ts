/** What a person reads on standard output when the gateway has started with demo keys or the demo model. */

export interface WelcomeFacts {
  readonly port: number;
  readonly demoModel: boolean;
  /** Keys made just now, lowest tier first; empty when there are none to show. */
  readonly minted: readonly { readonly user: string; readonly tier: string; readonly key: string }[];
  /** Whether demo keys of an earlier start are in force. */
  readonly earlierKeys: boolean;
  readonly dataDir: string;
}

/** The text; empty when there is nothing a person needs to be told. */
export function welcomeText(facts: WelcomeFacts): string {
  const address = `http://localhost:${facts.port}`;
  const sections = [...demoModelSection(facts), ...keySection(facts), ...pasteSection(facts, address)];
  if (sections.length === 0) return '';
  return ['', `The LLM gateway answers on ${address}`, '', ...sections, ''].join('\n');
}

function demoModelSection({ demoModel }: WelcomeFacts): string[] {
  if (!demoModel) return [];
  return [
    'No backend is configured, so the built-in demo model answers. It is a small program, not an AI.',
    'For real models set INTERNAL_LLM_URL, CLAUDE_API_KEY, OPENAI_API_KEY or AXON_URL and start again.',
    '',
  ];
}

function keySection({ minted, earlierKeys, dataDir }: WelcomeFacts): string[] {
  const file = `${dataDir}/static-keys.json`;
  if (minted.length > 0) {
    const width = Math.max(...minted.map(({ tier }) => tier.length));
    return [
      `Demo keys, shown this once; ${file} keeps only their hashes:`,
      ...minted.map(({ tier, key }) => `  ${tier.padEnd(width)}  ${key}`),
      '',
    ];
  }
  if (!earlierKeys) return [];
  return [`The demo keys of the first start are still valid. Delete ${file} to have new ones made.`, ''];
}

function pasteSection({ minted, demoModel, earlierKeys }: WelcomeFacts, address: string): string[] {
  if (minted.length === 0 && !demoModel && !earlierKeys) return [];
  // The highest tier that still has a quota to look at.
  const key = (minted.at(-2) ?? minted[0])?.key ?? '<your key>';
  const body =
    '{"model":"claude-sonnet-5-5","max_tokens":200,"messages":[{"role":"user","content":"Hello"}]}';
  return [
    'curl',
    `  curl ${address}/v1/messages -H 'authorization: Bearer ${key}' \\`,
    `    -H 'content-type: application/json' -d '${body}'`,
    '',
    'Claude Code (the third line shows the quota in its own display)',
    `  export ANTHROPIC_BASE_URL=${address}`,
    `  export ANTHROPIC_AUTH_TOKEN=${key}`,
    '  export CLAUDE_CODE_USE_GATEWAY=1',
    '  claude',
    '',
    'Anthropic SDK',
    `  new Anthropic({ baseURL: '${address}', apiKey: '${key}' })`,
    '',
    'OpenAI SDK',
    `  new OpenAI({ baseURL: '${address}/v1', apiKey: '${key}' })`,
    '',
    'Quota, usage and keys in the browser (sign in with a key)',
    `  ${address}/console`,
  ];
}
