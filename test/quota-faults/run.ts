/** `npm run faults:quota`: plays every fault and prints what was answered, charged, lost and doubled. */
import { findValkey } from '../support/valkey-server.ts';
import { FAULTS } from './faults.ts';
import type { Row } from './load.ts';

const program = findValkey();
if (program === null) throw new Error('no valkey-server or redis-server on this machine');

// Each server that is started waits for the end of this process.
process.setMaxListeners(0);
const COLUMNS = [
  'admitted',
  'charged',
  'refused',
  'unknown',
  'lost',
  'doubled',
  'overspent',
  'bound',
  'slowest',
] as const;
const wanted = process.argv.slice(2);
const chosen = FAULTS.filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)));
const rows: Row[] = [];
let broken = 0;
for (const fault of chosen) {
  const row = await fault.play(program);
  rows.push(row);
  const isBroken = row.lost > 0 || row.doubled > 0 || row.overspent > row.bound || row.strange > 0;
  if (isBroken && fault.physics === undefined) broken += 1;
  process.stdout.write(`${JSON.stringify(row)}${isBroken ? `  <-- ${fault.physics ?? 'BROKEN'}` : ''}\n`);
}
process.stdout.write(
  `\n| fault | ${COLUMNS.join(' | ')} |\n| --- |${COLUMNS.map(() => ' --: |').join('')}\n`,
);
for (const row of rows)
  process.stdout.write(`| ${row.fault} | ${COLUMNS.map((column) => row[column]).join(' | ')} |\n`);
process.exit(broken === 0 ? 0 : 1);
