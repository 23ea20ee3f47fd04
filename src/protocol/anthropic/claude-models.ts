/** What Claude models differ in, by generation. The names of tomorrow's models fall into the newest row. */
import type { Effort } from '../conversation.ts';

export interface ClaudeTraits {
  /** How reasoning is asked for: by effort, by a token budget, or not at all. */
  readonly thinking: 'adaptive' | 'budget' | 'none';
  /** Whether `thinking: {type: "disabled"}` may be said; Fable thinks always and refuses it. */
  readonly disableThinking: boolean;
  /** Efforts accepted, lowest first. */
  readonly efforts: readonly Effort[];
  /** Whether `temperature`, `top_p` and `top_k` are accepted. */
  readonly sampling: boolean;
  /** Whether `output_config.format` and strict tools are accepted. */
  readonly structured: boolean;
  /** Most output tokens, reasoning included. */
  readonly maxOutput: number;
}

const NEWEST: ClaudeTraits = {
  thinking: 'adaptive',
  disableThinking: true,
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  sampling: false,
  structured: true,
  maxOutput: 128_000,
};

const BUDGET: ClaudeTraits = {
  thinking: 'budget',
  disableThinking: true,
  efforts: [],
  sampling: true,
  structured: false,
  maxOutput: 32_000,
};

/** Newest first, 4.6 as 406; the first row whose version is not above the model's counts. */
const GENERATIONS: readonly (readonly [number, ClaudeTraits])[] = [
  [407, NEWEST],
  [406, { ...NEWEST, efforts: ['low', 'medium', 'high', 'max'], sampling: true }],
  [405, { ...BUDGET, structured: true, maxOutput: 64_000 }],
  [400, BUDGET],
  [307, { ...BUDGET, maxOutput: 64_000 }],
  [0, { ...BUDGET, thinking: 'none', disableThinking: false, maxOutput: 8192 }],
];

/** Families that think always. */
const ALWAYS_THINKING = /fable|mythos/;

/** `-4-5`, `-4.5`, `-4`, but no date: the version stands before or after the family (`claude-3-7-sonnet`). */
const VERSION = /(?<![\d.])(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)/;

/** The traits of a model by its name in any vendor's spelling; models that are no Claude get the careful middle. */
export function claudeTraits(model: string): ClaudeTraits {
  const name = model.toLowerCase();
  if (ALWAYS_THINKING.test(name)) return { ...NEWEST, disableThinking: false };
  const start = name.search(/claude|opus|sonnet|haiku/);
  if (start === -1) return BUDGET;
  const [, major, minor = '0'] = VERSION.exec(name.slice(start)) ?? [];
  if (major === undefined) return NEWEST;
  const version = Number(major) * 100 + Number(minor);
  return GENERATIONS.find(([since]) => version >= since)?.[1] ?? NEWEST;
}
