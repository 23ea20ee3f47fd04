/** Portkey's gateway of npm: one process, told per request by headers where to go. */
import type { Contender, Rig } from '../contenders/contender.ts';
import { homeOf } from '../contenders/contender.ts';
import { CONTENDER_CORE, pinned } from '../process.ts';
import type { Workload } from '../workloads.ts';
import { onlyMessages, RIVALS_FOLDER, startRival } from './rival.ts';

const PROGRAM = `${RIVALS_FOLDER}/node_modules/@portkey-ai/gateway/build/start-server.js`;

export async function startPortkey(rig: Rig): Promise<Contender> {
  const port = await rig.freePort();
  const headers = {
    authorization: 'Bearer bench',
    'x-portkey-provider': 'anthropic',
    'x-portkey-custom-host': `http://127.0.0.1:${rig.mockPort}/v1`,
  };
  return startRival(rig, {
    name: 'Portkey 1.15.2',
    port,
    launch: {
      command: pinned(CONTENDER_CORE, [process.execPath, PROGRAM, '--headless', `--port=${port}`]),
      env: { NODE_ENV: 'production' },
      log: `${homeOf(rig, 'portkey')}/output.log`,
    },
    config: JSON.stringify(headers),
    readyPath: '/',
    headers,
    cannot,
  });
}

/** It answers "messages is not supported by openai" and the like. */
const cannot = (workload: Workload): string | null =>
  workload.translated ? 'does not translate Messages' : onlyMessages(workload);
