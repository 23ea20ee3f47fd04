/** claude-code-router of npm, configured by its file as its README has it; it counts tokens of every request to route. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { type Contender, homeOf, KEY_HEADERS, type Rig } from '../contenders/contender.ts';
import { CONTENDER_CORE, pinned } from '../process.ts';
import { MODELS } from '../workloads.ts';
import { onlyMessages, RIVALS_FOLDER, startRival } from './rival.ts';

const PROGRAM = `${RIVALS_FOLDER}/node_modules/@musistudio/claude-code-router/dist/cli.js`;

export async function startClaudeCodeRouter(rig: Rig): Promise<Contender> {
  const port = await rig.freePort();
  const home = homeOf(rig, 'claude-code-router');
  const backend = `http://127.0.0.1:${rig.mockPort}/v1`;
  const config = JSON.stringify({
    APIKEY: KEY_HEADERS['x-api-key'],
    HOST: '127.0.0.1',
    PORT: port,
    LOG: false,
    Providers: [
      {
        name: 'claude',
        api_base_url: `${backend}/messages`,
        api_key: 'bench',
        models: [MODELS.anthropic.same],
        transformer: { use: ['Anthropic'] },
      },
      {
        name: 'internal',
        api_base_url: `${backend}/chat/completions`,
        api_key: 'bench',
        models: ['qwen3-32b'],
      },
    ],
    // Haiku's requests go to "background".
    Router: { default: `claude,${MODELS.anthropic.same}`, background: 'internal,qwen3-32b' },
  });
  mkdirSync(`${home}/.claude-code-router`, { recursive: true });
  writeFileSync(`${home}/.claude-code-router/config.json`, config);
  return startRival(rig, {
    name: 'claude-code-router 2.0.0',
    port,
    launch: {
      command: pinned(CONTENDER_CORE, [process.execPath, PROGRAM, 'start']),
      env: { HOME: home, NODE_ENV: 'production' },
      log: `${home}/output.log`,
    },
    config,
    readyPath: '/health',
    headers: KEY_HEADERS,
    cannot: onlyMessages,
  });
}
