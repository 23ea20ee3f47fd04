/** Usage of 30 days for spreadsheets. */
import { pipeline } from 'node:stream/promises';
import { idHeaders, sendBytes } from '../http/reply.ts';
import { toCsv } from '../usage/csv.ts';
import type { EveryonesTotals } from './everyones-totals.ts';
import { rangeOf } from './overview-page.ts';
import type { Visit } from './parts.ts';
import { lastDays } from './usage-chart.ts';

const HEADERS = {
  'content-type': 'text/csv; charset=utf-8',
  'content-disposition': 'attachment; filename="usage.csv"',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

/** @param subject whose usage; never taken from the request but for operators */
export async function exportUser({ parts, scope }: Visit, subject: string): Promise<void> {
  const days = lastDays(parts.clock(), parts.dayOf);
  const rows = await parts.usage.totals({ ...rangeOf(days), subject, by: ['day', 'model', 'backend'] });
  sendBytes(scope, 200, toCsv(rows), HEADERS);
}

/** A day at a time, at the reader's pace. */
export async function exportEveryone({ parts, scope }: Visit, totals: EveryonesTotals): Promise<void> {
  const { response, signal } = scope;
  const days = lastDays(parts.clock(), parts.dayOf);
  response.writeHead(200, { ...idHeaders(scope), ...HEADERS });
  if (scope.request.method === 'HEAD') {
    response.end();
    return;
  }
  await pipeline(toLines(totals.inFull(days)), response, { signal });
}

async function* toLines(batches: AsyncIterable<Parameters<typeof toCsv>[0]>): AsyncGenerator<string> {
  let isFirst = true;
  for await (const rows of batches) {
    if (rows.length === 0) continue;
    const text = toCsv(rows);
    yield isFirst ? text : text.slice(text.indexOf('\r\n') + 2);
    isFirst = false;
  }
}
