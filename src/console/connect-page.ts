/** Lines to paste, filled with this gateway's address. */
import { type Html, html } from '../http/html.ts';
import type { Scope } from '../http/request-scope.ts';
import type { Shown, Visit } from './parts.ts';

export async function showConnect({ parts, scope, caller }: Visit): Promise<Shown> {
  const url = addressOf(parts.publicUrl, scope);
  const models = await parts.allModels();
  const own =
    [...models.values()].find(({ defaultModel }) => defaultModel !== null)?.defaultModel ??
    'claude-sonnet-5-5';
  const body = html`<p>Where it says <code>&lt;key&gt;</code>, put a key of yours: <a href="/console/keys">make one</a>.</p>
${toClaudeCode(url, parts.hasNativeSignIn && caller.owner.issuer !== 'static')}
${toCodex(url, own)}${toSdks(url)}`;
  return { title: 'Connect', body };
}

/** Where the browser found us, when nobody has configured where people do. */
function addressOf(publicUrl: string | undefined, { request }: Scope): string {
  const host = request.headers.host ?? 'localhost:8000';
  return publicUrl ?? `http://${/^[\w.:[\]-]+$/.test(host) ? host : 'localhost:8000'}`;
}

function toClaudeCode(url: string, isNative: boolean): Html {
  const variables = `export ANTHROPIC_BASE_URL=${url}
export ANTHROPIC_AUTH_TOKEN=<key>
export CLAUDE_CODE_USE_GATEWAY=1
claude`;
  const settings = toJson({
    env: { ANTHROPIC_BASE_URL: url, ANTHROPIC_AUTH_TOKEN: '<key>', CLAUDE_CODE_USE_GATEWAY: '1' },
  });
  const managed = toJson({ forceLoginMethod: 'gateway', forceLoginGatewayUrl: url });
  const status = toJson({ statusLine: { type: 'command', command: 'llm-gateway statusline' } });
  return html`<h2>Claude Code</h2>
<h3>With a key</h3><p><code>CLAUDE_CODE_USE_GATEWAY</code> makes it show what is left of your quota.</p>${toLines('claude-env', variables)}
<p>The same for every session, in <code>~/.claude/settings.json</code>:</p>${toLines('claude-settings', settings)}
<h3>With the command line, which keeps you signed in</h3>${toLines('claude-cli', `llm-gateway login --url ${url}\nllm-gateway claude`)}<p>For good, so that <code>claude</code> alone is enough:</p>${toLines('claude-setup', 'llm-gateway setup')}
<h3>With its own sign-in</h3>${
    isNative
      ? html`<p>Whoever runs the machine writes <code>/etc/claude-code/managed-settings.json</code>; Claude Code then asks you to sign in.</p>${toLines('claude-managed', managed)}`
      : html`<p class="note">Not here: it needs Keycloak and a public address of this gateway.</p>`
  }
<h3>Status line</h3><p>In <code>~/.claude/settings.json</code>:</p>${toLines('claude-status', status)}`;
}

function toCodex(url: string, model: string): Html {
  const toml = `# ~/.codex/config.toml
model = "${model}"
model_provider = "gateway"
web_search = "disabled"

[model_providers.gateway]
name = "LLM gateway"
base_url = "${url}/v1"
wire_api = "responses"

[model_providers.gateway.auth]
command = "llm-gateway"
args = ["token", "--url", "${url}"]`;
  return html`<h2>Codex</h2><p><code>llm-gateway setup codex</code> writes this for you:</p>${toLines('codex', toml)}`;
}

function toSdks(url: string): Html {
  const curl = `curl ${url}/v1/messages -H 'authorization: Bearer <key>' \\
  -H 'content-type: application/json' \\
  -d '{"model":"claude-sonnet-5-5","max_tokens":200,"messages":[{"role":"user","content":"Hello"}]}'`;
  return html`<h2>SDKs and curl</h2>
<h3>Anthropic</h3>${toLines('sdk-anthropic', `new Anthropic({ baseURL: '${url}', apiKey: '<key>' });`)}
<h3>OpenAI</h3>${toLines('sdk-openai', `new OpenAI({ baseURL: '${url}/v1', apiKey: '<key>' });`)}
<h3>curl</h3>${toLines('curl', curl)}`;
}

const toJson = (settings: unknown) => JSON.stringify(settings, null, 2);

const toLines = (id: string, lines: string): Html =>
  html`<div class="line"><pre id="${id}" tabindex="0">${lines}</pre><button type="button" data-copy="${id}" hidden>Copy</button></div>`;
