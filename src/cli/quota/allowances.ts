/** What `GET /quota` says, as people read it. */

export interface Allowance {
  readonly name: string;
  readonly unit: string;
  /** Null: unlimited. */
  readonly limit: number | null;
  readonly used: number;
  readonly pending: number;
  readonly remaining: number | null;
  /** Milliseconds since the epoch. */
  readonly resetsAt: number;
  /** Patterns of the models that it counts; null: all. */
  readonly models: readonly string[] | null;
  /** The group that shares it; null: nobody does. */
  readonly pool: string | null;
}

export interface Quota {
  readonly user: string;
  readonly tier: string;
  readonly allowances: readonly Allowance[];
}

type Document = Readonly<Record<string, unknown>>;

/** Null where the answer is another one. */
export function readQuota(body: Document): Quota | null {
  const { user, tier, allowances } = body;
  if (typeof user !== 'string' || typeof tier !== 'string' || !Array.isArray(allowances)) return null;
  return { user, tier, allowances: allowances.map(readAllowance) };
}

function readAllowance(one: Document): Allowance {
  const numberOrNull = (value: unknown) => (typeof value === 'number' ? value : null);
  return {
    name: `${one.name}`,
    unit: `${one.unit}`,
    limit: numberOrNull(one.limit),
    used: numberOrNull(one.used) ?? 0,
    pending: numberOrNull(one.pending) ?? 0,
    remaining: numberOrNull(one.remaining),
    resetsAt: Date.parse(`${one.resets_at}`),
    models: Array.isArray(one.models) ? one.models.map(String) : null,
    pool: typeof one.pool === 'string' ? one.pool : null,
  };
}

/** 0 to 1; nothing of one without a limit. */
export function shareOf({ limit, remaining }: Allowance): number {
  if (limit === null || remaining === null) return 0;
  return limit === 0 ? 1 : (limit - remaining) / limit;
}

/** The one of which most is used; undefined where none has a limit. */
export function tightestOf({ allowances }: Quota): Allowance | undefined {
  return allowances
    .filter(({ limit }) => limit !== null)
    .toSorted((one, other) => shareOf(other) - shareOf(one))[0];
}

/** Filled as far as the share goes; something, however little, shows. */
export function toBar(share: number, width: number): string {
  const filled = share <= 0 ? 0 : Math.min(width, Math.max(1, Math.round(share * width)));
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}

/** `1,234 of 5,000 requests`. */
export function toCounts({ limit, used, pending, unit }: Allowance): string {
  const count = (value: number) => value.toLocaleString('en-US');
  const open = pending > 0 ? ` (${count(pending)} under way)` : '';
  const of = limit === null ? '' : ` of ${count(limit)}`;
  return `${count(used)}${of} ${limit === 1 ? unit : `${unit}s`}${open}`;
}

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];

/** `in 5 h 12 min`. */
export function toSpan(ms: number): string {
  if (ms < MINUTE) return 'in less than a minute';
  const [days, hours, minutes] = [
    Math.floor(ms / DAY),
    Math.floor(ms / HOUR) % 24,
    Math.floor(ms / MINUTE) % 60,
  ];
  if (days > 0) return hours > 0 ? `in ${days} d ${hours} h` : `in ${days} d`;
  if (hours > 0) return minutes > 0 ? `in ${hours} h ${minutes} min` : `in ${hours} h`;
  return `in ${minutes} min`;
}
