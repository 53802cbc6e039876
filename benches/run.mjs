// The speed of the sandbox against a plain Node server with the npm package `ws`: both run at the
// same time, short runs alternate, and each figure is the median of its rounds' ratios.
//
//   node benches/run.mjs [--quick] [--gates] [--only NAME[,NAME…]] [--json]
//
// --quick   fewer and shorter rounds
// --only    `scale`, a store of a million items, takes minutes and runs only when it is named
// --gates   exits with 1 if a figure that a noisy machine cannot excuse is past its floor and slack
import { cpus, platform, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import * as usual from './speed/measures.mjs';
import { prepare } from './speed/processes.mjs';
import { scale } from './speed/scale.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    gates: { type: 'boolean' },
    json: { type: 'boolean' },
    only: { type: 'string' },
  },
});
const measures = { ...usual, scale };
const names = options.only?.split(',') ?? Object.keys(usual);
const unknown = names.filter((name) => !(name in measures));
if (unknown.length > 0) {
  console.error(`no such measure: ${unknown.join(', ')}; there are ${Object.keys(measures).join(', ')}`);
  process.exit(2);
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const effort = options.quick ? { rounds: 3, secs: 0.6, connections: 1000 } : { rounds: 7, secs: 1, connections: 5000 };

function judge(row) {
  const value = median(row.values);
  const meets = (bound, better) => bound === undefined || better(value, bound);
  const met = meets(row.floor, (v, b) => v >= b) && meets(row.ceiling, (v, b) => v <= b);
  const slack = row.gate === undefined || meets(row.ceiling, (v, b) => v <= b * row.gate);
  const hit = row.floor === undefined ? value <= row.aim : value >= row.aim;
  return { ...row, median: value, met, slack, verdict: hit ? 'aim' : met ? 'floor' : 'MISSED' };
}

function print({ name, median: value, values, unit = '×', floor, ceiling, verdict }) {
  const digits = unit === '' ? 0 : 2;
  const spread = values.length > 1 ? `${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)}` : '';
  const bound = floor === undefined ? `≤ ${ceiling}` : `≥ ${floor}`;
  console.log(`${name.padEnd(58)} ${(value.toFixed(digits) + unit).padStart(10)}  ${spread.padEnd(14)} ${bound.padEnd(7)} ${verdict}`);
}

prepare();
const machine = `${cpus().length} × ${cpus()[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${release()}, node ${process.version}`;
if (!options.json) console.log(`${machine}\n128-byte JSON, limits off; ratios are sandbox / npm ws (raw echo)\n`);
const rows = [];
for (const name of names) {
  for (const row of (await measures[name](effort)).map(judge)) {
    rows.push(row);
    if (!options.json) print(row);
  }
}
if (options.json) console.log(JSON.stringify({ machine, rows }));
const missed = rows.filter((row) => !row.met);
if (!options.json) console.log(missed.length === 0 ? '\nevery floor is met' : `\n${missed.length} floors are missed`);
if (options.gates && rows.some((row) => !row.slack)) process.exit(1);
