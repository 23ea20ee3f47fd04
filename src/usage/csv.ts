/** Totals as a table for spreadsheets (RFC 4180). PURE. */
import type { TotalsRow } from './usage-store.ts';

const COLUMNS = [
  'day',
  'subject',
  'user',
  'model',
  'backend',
  'requests',
  'refusals',
  'refunds',
  'inputTokens',
  'outputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
] as const satisfies readonly (keyof TotalsRow)[];

/** A line of names first; columns that no row has are left out. */
export function toCsv(rows: readonly TotalsRow[]): string {
  const columns = COLUMNS.filter(
    (column) => rows.length === 0 || rows.some((row) => row[column] !== undefined),
  );
  const lines = rows.map((row) => columns.map((column) => toCell(row[column] ?? '')).join(','));
  return [columns.map(toSnake).join(','), ...lines, ''].join('\r\n');
}

/** A text that a spreadsheet would take for a formula is put behind an apostrophe (OWASP, CSV injection). */
function toCell(value: string | number): string {
  if (typeof value === 'number') return `${value}`;
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const toSnake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
