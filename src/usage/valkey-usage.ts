import { toScript, type Valkey } from '../store/valkey.ts';
import { NONE, NOTHING_USED, toTotals, type UsageRecord, type UsageTotals } from './record.ts';
import {
  type Grouping,
  type KnownUser,
  RECENT_KEPT,
  type TotalsQuery,
  type TotalsRow,
  type UsageStore,
} from './usage-store.ts';

export interface ValkeyUsageOptions {
  readonly valkey: Valkey;
  /** The local day of an instant in milliseconds since the epoch, `2026-11-22`. */
  readonly dayOf: (at: number) => string;
  readonly retentionDays: number;
}

/**
 * Below one prefix, and so in one slot of a cluster:
 * `totals:<day>:<subject>` a hash of model and backend to seven sums, `subjects:<day>` who has any, `recent:<subject>` a
 * list, `users` a hash and `seen` a sorted set of all that were seen, `batch:<id>` that a batch was added.
 */
const PREFIX = 'usage:{usage}:';

const SCRIPTS = {
  // ARGV: id of the batch, ms to keep; then seven for each record: day, subject, model and backend, seven numbers
  // (one text), user, time, record.
  add: toScript(`
    local prefix, keep = KEYS[1], ARGV[2]
    if not redis.call('SET', prefix .. 'batch:' .. ARGV[1], '1', 'NX', 'EX', 86400) then return 0 end
    for at = 3, #ARGV, 7 do
      local day, subject, field, numbers = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
      local totals = prefix .. 'totals:' .. day .. ':' .. subject
      local sums = {}
      for sum in string.gmatch(redis.call('HGET', totals, field) or '0 0 0 0 0 0 0', '%d+') do
        sums[#sums + 1] = tonumber(sum)
      end
      local index = 0
      for number in string.gmatch(numbers, '%d+') do
        index = index + 1
        sums[index] = string.format('%.0f', sums[index] + tonumber(number))
      end
      redis.call('HSET', totals, field, table.concat(sums, ' '))
      redis.call('PEXPIRE', totals, keep)
      redis.call('SADD', prefix .. 'subjects:' .. day, subject)
      redis.call('PEXPIRE', prefix .. 'subjects:' .. day, keep)
      redis.call('HSET', prefix .. 'users', subject, ARGV[at + 4])
      redis.call('ZADD', prefix .. 'seen', 'GT', ARGV[at + 5], subject)
      redis.call('LPUSH', prefix .. 'recent:' .. subject, ARGV[at + 6])
      redis.call('LTRIM', prefix .. 'recent:' .. subject, 0, ${RECENT_KEPT - 1})
      redis.call('PEXPIRE', prefix .. 'recent:' .. subject, keep)
    end
    return 1`),
  // ARGV: day, subject or ''. Answers subject, model and backend, seven sums, and so on.
  totals: toScript(`
    local prefix, found = KEYS[1], {}
    local subjects = ARGV[2] ~= '' and { ARGV[2] } or redis.call('SMEMBERS', prefix .. 'subjects:' .. ARGV[1])
    for _, subject in ipairs(subjects) do
      local all = redis.call('HGETALL', prefix .. 'totals:' .. ARGV[1] .. ':' .. subject)
      for index = 1, #all, 2 do
        found[#found + 1] = subject
        found[#found + 1] = all[index]
        found[#found + 1] = all[index + 1]
      end
    end
    return found`),
  recent: toScript("return redis.call('LRANGE', KEYS[1] .. 'recent:' .. ARGV[1], 0, -1)"),
  // ARGV: a subject, or '' for all. Answers subject, user, time, and so on, latest seen first.
  users: toScript(`
    local prefix, found = KEYS[1], {}
    local subjects = ARGV[1] ~= '' and { ARGV[1] } or redis.call('ZREVRANGE', prefix .. 'seen', 0, -1)
    for _, subject in ipairs(subjects) do
      local user = redis.call('HGET', prefix .. 'users', subject)
      if user then
        found[#found + 1] = subject
        found[#found + 1] = user
        found[#found + 1] = redis.call('ZSCORE', prefix .. 'seen', subject)
      end
    end
    return found`),
  // ARGV: time before which somebody was last seen.
  forget: toScript(`
    local prefix = KEYS[1]
    for _, subject in ipairs(redis.call('ZRANGEBYSCORE', prefix .. 'seen', '-inf', '(' .. ARGV[1], 'LIMIT', 0, 1000)) do
      redis.call('HDEL', prefix .. 'users', subject)
      redis.call('ZREM', prefix .. 'seen', subject)
      redis.call('DEL', prefix .. 'recent:' .. subject)
    end`),
};

const DAY = 86_400_000;
const NAMES = [
  'requests',
  'refusals',
  'refunds',
  'inputTokens',
  'outputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
] as const satisfies readonly (keyof UsageTotals)[];

/** Usage in Valkey or Redis, the same for every replica. Totals end by themselves. Closing leaves the connection open. */
export function createValkeyUsage({ valkey, dayOf, retentionDays }: ValkeyUsageOptions): UsageStore {
  const run = async (script: keyof typeof SCRIPTS, ...args: readonly (string | number)[]) => {
    const answer = await valkey.run(SCRIPTS[script], [PREFIX], args);
    return Array.isArray(answer) ? answer.map(String) : [];
  };
  // Until the last of the days is over wherever it ends last.
  const keep = (retentionDays + 1) * DAY;

  async function users(search: string): Promise<readonly KnownUser[]> {
    const isSubject = /^[0-9a-f]{64}$/.test(search);
    const flat = await run('users', isSubject ? search : '');
    return inThrees(flat).map(([subject, text, seenAt]) => {
      const { user, tier } = JSON.parse(text) as Pick<KnownUser, 'user' | 'tier'>;
      return { subject, user, tier, seenAt: Number(seenAt) };
    });
  }

  return {
    async add(records) {
      const [first] = records;
      if (first === undefined) return;
      await run('add', first.requestId, keep, ...records.flatMap((record) => toArguments(record, dayOf)));
    },

    async totals({ from, to, subject, by, limit = 10_000 }: TotalsQuery) {
      const days = daysBetween(from, to);
      const found = await Promise.all(days.map((day) => run('totals', day, subject ?? '')));
      const names = new Map(
        by.includes('subject') ? (await users('')).map((one) => [one.subject, one.user]) : [],
      );
      const groups = new Map<string, TotalsRow>();
      for (const [index, flat] of found.entries()) {
        for (const [whose, field, sums] of inThrees(flat)) {
          const [model = NONE, backend = NONE] = field.split('\t');
          const group = pickGroup({ day: days[index] ?? '', subject: whose, model, backend }, by);
          const key = JSON.stringify(group);
          const named = by.includes('subject') ? { user: names.get(whose) ?? '' } : {};
          groups.set(key, addSums(groups.get(key) ?? { ...group, ...named, ...NOTHING_USED }, sums));
        }
      }
      return [...groups.values()].sort(byDayThenRequests).slice(0, limit);
    },

    recent: async (subject) => (await run('recent', subject)).map((text) => JSON.parse(text) as UsageRecord),

    async users(search, limit) {
      const wanted = search.toLowerCase();
      const all = await users(search);
      return all
        .filter(({ subject, user }) => user.toLowerCase().includes(wanted) || subject.startsWith(search))
        .slice(0, limit);
    },

    async forgetBefore(_, at) {
      await run('forget', at);
    },

    close: async () => undefined,
  };
}

function toArguments(record: UsageRecord, dayOf: (at: number) => string): readonly (string | number)[] {
  const { at, subject, user, tier, served, backend } = record;
  const totals = toTotals(record);
  return [
    dayOf(at),
    subject,
    `${served ?? NONE}\t${backend ?? NONE}`,
    NAMES.map((name) => totals[name]).join(' '),
    JSON.stringify({ user, tier }),
    at,
    JSON.stringify(record),
  ];
}

function inThrees(flat: readonly string[]): [string, string, string][] {
  return Array.from({ length: Math.floor(flat.length / 3) }, (_, index) => [
    flat[index * 3] ?? '',
    flat[index * 3 + 1] ?? '',
    flat[index * 3 + 2] ?? '',
  ]);
}

function daysBetween(from: string, to: string): readonly string[] {
  const [first, last] = [Date.parse(from), Date.parse(to)];
  const count = Math.max(0, Math.min(4_000, Math.floor((last - first) / DAY) + 1));
  return Array.from({ length: count }, (_, index) =>
    new Date(first + index * DAY).toISOString().slice(0, 10),
  );
}

const pickGroup = (all: Readonly<Record<Grouping, string>>, by: readonly Grouping[]) =>
  Object.fromEntries(by.map((name) => [name, all[name]]));

function addSums(row: TotalsRow, sums: string): TotalsRow {
  const numbers = sums.split(' ').map(Number);
  return {
    ...row,
    ...Object.fromEntries(NAMES.map((name, index) => [name, row[name] + (numbers[index] ?? 0)])),
  };
}

function byDayThenRequests(one: TotalsRow, other: TotalsRow): number {
  const [day = '', otherDay = ''] = [one.day, other.day];
  return day === otherDay ? other.requests - one.requests : day < otherDay ? -1 : 1;
}
