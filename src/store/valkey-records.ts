import type { PutOptions, Records } from './records.ts';
import { toScript, type Valkey } from './valkey.ts';

/**
 * A collection is two keys in one slot: a hash of values and a sorted set of their ends, `+inf` for those without.
 * Every script first drops what has ended, so an expired record is never seen.
 */
const COMMON = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
  redis.call('HDEL', KEYS[1], key)
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)`;

const SCRIPTS = {
  get: toScript(COMMON, "return redis.call('HGET', KEYS[1], ARGV[1])"),
  list: toScript(COMMON, "return redis.call('HGETALL', KEYS[1])"),
  // ARGV: key, value, ttl ('' none), condition ('any', 'absent' or 'same'), the value expected, most records ('' any)
  put: toScript(
    COMMON,
    `local present = redis.call('HGET', KEYS[1], ARGV[1])
     if ARGV[4] == 'absent' and present then return 0 end
     if ARGV[4] == 'same' and present ~= ARGV[5] then return 0 end
     if ARGV[6] ~= '' and not present and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[6]) then return 0 end
     redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
     redis.call('ZADD', KEYS[2], ARGV[3] == '' and '+inf' or now + tonumber(ARGV[3]), ARGV[1])
     local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
     for _, key in ipairs(KEYS) do
       if last == 'inf' then redis.call('PERSIST', key) else redis.call('PEXPIREAT', key, string.format('%.0f', last)) end
     end
     return 1`,
  ),
  take: toScript(
    COMMON,
    `local value = redis.call('HGET', KEYS[1], ARGV[1])
     redis.call('HDEL', KEYS[1], ARGV[1])
     redis.call('ZREM', KEYS[2], ARGV[1])
     return value`,
  ),
};

/** Records in Valkey or Redis. Closing closes the connection. */
export function createValkeyRecords(valkey: Valkey): Records {
  return {
    collection(name) {
      const keys = [`records:{${name}}:values`, `records:{${name}}:ends`];
      const textOrNull = async (script: keyof typeof SCRIPTS, key: string) => {
        const answer = await valkey.run(SCRIPTS[script], keys, [key]);
        return typeof answer === 'string' ? answer : null;
      };
      return {
        get: (key) => textOrNull('get', key),
        take: (key) => textOrNull('take', key),
        delete: async (key) => (await textOrNull('take', key)) !== null,
        put: async (key, value, options = {}) =>
          (await valkey.run(SCRIPTS.put, keys, toPutArgs(key, value, options))) === 1,
        list: async () => toRecords(await valkey.run(SCRIPTS.list, keys, [])),
      };
    },
    close: valkey.close,
  };
}

function toPutArgs(key: string, value: string, { ttl, expected, atMost }: PutOptions) {
  const condition = expected === undefined ? 'any' : expected === null ? 'absent' : 'same';
  return [key, value, ttl ?? '', condition, expected ?? '', atMost ?? ''];
}

function toRecords(answer: unknown) {
  const flat = Array.isArray(answer) ? answer.map(String) : [];
  const records = Array.from({ length: flat.length / 2 }, (_, index) => ({
    key: flat[index * 2] ?? '',
    value: flat[index * 2 + 1] ?? '',
  }));
  return records.sort((one, other) => (one.key < other.key ? -1 : 1));
}
