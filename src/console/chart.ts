/** Columns over days, stacked by kind, as a picture made of nothing but elements and attributes. */
import { type Html, html } from '../http/html.ts';
import { toCount, toShort } from './words.ts';

/** One stack per day, in the order of the kinds. */
export interface ChartOptions {
  /** What the picture is about; read aloud in its place. */
  readonly title: string;
  /** `2026-11-22`, oldest first. */
  readonly days: readonly string[];
  readonly kinds: readonly string[];
  /** How much there was of a kind on a day. */
  readonly amountOf: (day: string, kind: string) => number;
}

const WIDTH = 720;
const HEIGHT = 190;
const LEFT = 56;
const BOTTOM = 28;
const TOP = 12;
const RIGHT = 16;
const GAP = 4;
/** Colours that the style sheet has. */
export const COLOURS = 7;

export function toChart({ title, days, kinds, amountOf }: ChartOptions): Html {
  const sums = days.map((day) => kinds.reduce((sum, kind) => sum + amountOf(day, kind), 0));
  const top = roundUp(Math.max(1, ...sums));
  const step = (WIDTH - LEFT - RIGHT) / Math.max(1, days.length);
  const scale = (HEIGHT - TOP - BOTTOM) / top;
  const columns = days.map((day, index) => {
    const x = LEFT + index * step;
    return toColumn({ day, x, width: Math.max(1, step - GAP), scale, kinds, amountOf });
  });
  const total = sums.reduce((sum, one) => sum + one, 0);
  return html`<figure class="chart"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}: ${toCount(total)} in all; the table below has every number">
${toGrid(top, scale)}${columns}${toDays(days, step)}</svg>
<figcaption><ul class="legend">${kinds.map(toLegend)}</ul></figcaption></figure>`;
}

interface Stack extends Pick<ChartOptions, 'kinds' | 'amountOf'> {
  readonly day: string;
  readonly x: number;
  readonly width: number;
  /** Height of one. */
  readonly scale: number;
}

function toColumn({ day, x, width, scale, kinds, amountOf }: Stack): Html {
  let y = HEIGHT - BOTTOM;
  const parts = kinds.map((kind, index) => {
    const value = amountOf(day, kind);
    const height = value * scale;
    y -= height;
    return value === 0
      ? html``
      : html`<rect class="c${index % COLOURS}" x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${fixed(height)}"><title>${day}, ${kind}: ${toCount(value)}</title></rect>`;
  });
  return html`${parts}`;
}

function toGrid(top: number, scale: number): readonly Html[] {
  return [0, 0.5, 1].map((share) => {
    const y = fixed(HEIGHT - BOTTOM - top * share * scale);
    return html`<line class="grid" x1="${LEFT}" x2="${WIDTH}" y1="${y}" y2="${y}"/><text x="${LEFT - 8}" y="${y}" dy="5" text-anchor="end">${toShort(top * share)}</text>
`;
  });
}

/** Every week, counted from today. */
function toDays(days: readonly string[], step: number): readonly Html[] {
  return days.flatMap((day, index) => {
    if ((days.length - 1 - index) % 7 !== 0) return [];
    const x = fixed(LEFT + index * step + step / 2);
    return [
      html`<text x="${x}" y="${HEIGHT - 6}" text-anchor="middle">${day.slice(8)}.${day.slice(5, 7)}.</text>`,
    ];
  });
}

const toLegend = (kind: string, index: number) =>
  html`<li><svg class="swatch" viewBox="0 0 10 10" aria-hidden="true"><rect class="c${index % COLOURS}" width="10" height="10"/></svg>${kind}</li>`;

/** The next of 2, 4, 10, 20, 40 …: the half of each is a round number too. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [2, 4, 10].map((one) => one * power).find((one) => one >= value) ?? value;
}

const fixed = (value: number) => String(Math.round(value * 10) / 10);

/** How much of a limit is used, 0 to 1. */
export function toBar(share: number, label: string): Html {
  const level = share >= 0.95 ? 'high' : share >= 0.75 ? 'warm' : 'calm';
  const width = fixed(Math.min(1, Math.max(0, share)) * 100);
  return html`<svg class="bar ${level}" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label="${label}"><rect class="rest" width="100" height="4"/><rect width="${width}" height="4"/></svg>`;
}
