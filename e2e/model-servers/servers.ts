/** How the real model servers are started, by name; each has its own `install-<name>.sh`. */
import { join } from 'node:path';
import type { ModelServerOptions } from './server-process.ts';

interface Recipe {
  /** Name of its folder in the cache, with the version: a new version is installed beside the old one. */
  readonly folder: string;
  /** How it is started from its folder. */
  readonly start: (home: string) => Omit<ModelServerOptions, 'logFile'>;
}

export const SERVERS: Readonly<Record<string, Recipe>> = {
  vllm: {
    folder: 'vllm-0.32.0',
    start: (home) => ({
      command: join(home, 'bin', 'vllm'),
      args: (port) => ['serve', join(home, 'model'), '--host', '127.0.0.1', '--port', String(port), ...VLLM],
      env: {
        PATH: `${join(home, 'bin')}:${process.env.PATH}`,
        VLLM_TARGET_DEVICE: 'cpu',
        VLLM_CPU_KVCACHE_SPACE: '1',
        VLLM_NO_USAGE_STATS: '1',
        HF_HUB_OFFLINE: '1',
      },
      readyMs: 300_000,
    }),
  },
  llamacpp: {
    folder: 'llamacpp',
    start: (home) => ({
      command: join(home, 'llama-server'),
      args: (port) => [
        ...['-m', join(home, 'model.gguf'), '--jinja', '-c', '8192', '--parallel', '1', '--metrics'],
        ...['--host', '127.0.0.1', '--port', String(port), '--alias', 'smollm2-135m'],
      ],
      readyMs: 60_000,
    }),
  },
};

const VLLM = [
  ...['--served-model-name', 'qwen3-32b', '--max-model-len', '40960'],
  ...['--load-format', 'dummy', '--dtype', 'bfloat16'],
  ...['--enable-auto-tool-choice', '--tool-call-parser', 'hermes', '--reasoning-parser', 'qwen3'],
  // A random model asked for JSON would write blanks for ever.
  ...['--structured-outputs-config.backend', 'xgrammar'],
  ...['--structured-outputs-config.disable_any_whitespace', 'true'],
];
