/** LiteLLM's proxy of PyPI: one worker, a master key, no database, so no budgets either. */
import { writeFileSync } from 'node:fs';
import { type Contender, homeOf, type Rig } from '../contenders/contender.ts';
import { CONTENDER_CORE, pinned } from '../process.ts';
import { MODELS } from '../workloads.ts';
import { onlyMessages, RIVALS_FOLDER, startRival } from './rival.ts';

const KEY = 'sk-bench-0123456789';

const configOf = (mockPort: number) => `model_list:
  - model_name: ${MODELS.anthropic.same}
    litellm_params:
      { model: anthropic/${MODELS.anthropic.same}, api_base: "http://127.0.0.1:${mockPort}", api_key: bench }
  - model_name: ${MODELS.anthropic.translated}
    litellm_params: { model: hosted_vllm/qwen3-32b, api_base: "http://127.0.0.1:${mockPort}/v1", api_key: bench }
general_settings: { master_key: ${KEY} }
`;

export async function startLiteLlm(rig: Rig): Promise<Contender> {
  const port = await rig.freePort();
  const home = homeOf(rig, 'litellm');
  const config = configOf(rig.mockPort);
  writeFileSync(`${home}/config.yaml`, config);
  const program = [`${RIVALS_FOLDER}/litellm/bin/litellm`, '--config', `${home}/config.yaml`];
  return startRival(rig, {
    name: 'LiteLLM 1.106.2',
    port,
    launch: {
      command: pinned(CONTENDER_CORE, [...program, '--host', '127.0.0.1', '--port', String(port)]),
      // What it costs must not depend on whether its price list can be fetched.
      env: { HOME: home, LITELLM_LOCAL_MODEL_COST_MAP: 'True', LITELLM_LOG: 'ERROR' },
      log: `${home}/output.log`,
    },
    config,
    readyPath: '/health/readiness',
    headers: { 'x-api-key': KEY },
    cannot: onlyMessages,
  });
}
