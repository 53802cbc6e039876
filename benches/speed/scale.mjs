// How reads, imports and exports fare with the size of the store.
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { client, freePort, next, program, sandbox, sleep } from './processes.mjs';

const SMALL = 1_000;
/** The smallest store whose memory tells something. */
const FEW = 10_000;
const MIDDLE = 100_000;
const LARGE = 1_000_000;
const TEXT = 'x'.repeat(60);

const english = (n) => n.toLocaleString('en');

/** Writes a data file: rooms of a thousand items of some 100 bytes. */
async function dataFile(file, items) {
  const out = createWriteStream(file);
  for (let i = 0; i < items; i += 1) {
    const key = `room${Math.floor(i / 1000)}:${String(i % 1000).padStart(3, '0')}`;
    const line = `${i === 0 ? '[' : ','}\n${JSON.stringify({ key, value: { n: i, text: TEXT } })}`;
    if (!out.write(line)) await once(out, 'drain');
  }
  out.end('\n]\n');
  await once(out, 'close');
}

/** Runs a verb to its end: seconds, and the most memory it had, in MiB. */
async function run(args) {
  const begun = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  let peak = 0;
  let ended = false;
  const end = once(child, 'exit').then(([code]) => {
    ended = true;
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
  });
  while (!ended) {
    try {
      // The kernel keeps the high-water mark.
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peak = Math.max(peak, Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      break;
    }
    await sleep(5);
  }
  await end;
  return { secs: (performance.now() - begun) / 1000, peak };
}

/**
 * Fills a folder's store; gives how the import and an export went, and what it takes to open the
 * store and read one item: the database keeps a table of its pages in memory, whoever asks.
 */
async function filled(folder, items) {
  mkdirSync(folder);
  const file = path.join(folder, 'items.json');
  const store = ['--data-dir', path.join(folder, 'data')];
  await dataFile(file, items);
  const imported = await run(['import', file, ...store]);
  const exported = await run(['export', path.join(folder, 'out.json'), ...store]);
  const opened = await run(['data', 'get', 'room0:000', ...store]);
  return { imported, exported, opened };
}

/** Reads on stores of three sizes side by side; imports and exports. */
export async function scale({ rounds }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'ampt-ws-scale-'));
  const sizes = [SMALL, MIDDLE, LARGE];
  const fills = {};
  for (const items of [SMALL, FEW, MIDDLE, LARGE]) fills[items] = await filled(path.join(folder, String(items)), items);
  const servers = [];
  const took = { key: [], page: [] };
  let wrong = 0;
  try {
    for (const items of sizes) {
      const server = sandbox('scale', await freePort(), ['--no-watch', '--data-dir', path.join(folder, String(items), 'data')]);
      servers.push(server);
      await server.ready;
      server.items = items;
      server.client = await client(server.url);
    }
    const measure = async (server, what, count) => {
      server.client.send(JSON.stringify({ what, count, items: server.items }));
      const result = JSON.parse(await next(server.client));
      wrong += result.wrong;
      return result;
    };
    for (const server of servers) await measure(server, 'key', 3000);
    for (let round = 0; round < rounds; round += 1) {
      for (const what of ['key', 'page']) {
        const row = {};
        for (const server of servers) row[server.items] = await measure(server, what, what === 'key' ? 3000 : 500);
        took[what].push(row);
      }
    }
  } finally {
    for (const server of servers) {
      server.client?.close();
      await server.stop();
    }
    rmSync(folder, { recursive: true, force: true });
  }
  const against = (what, items, p) => took[what].map((row) => row[items][p] / row[SMALL][p]);
  const names = { key: '`get` of a key', page: '`get` of a page of 100' };
  const rows = [];
  for (const what of ['key', 'page']) {
    rows.push({ name: `${names[what]}, ${english(SMALL)} items: p50`, unit: ' µs', values: took[what].map((row) => row[SMALL].p50), ceiling: 1000, aim: 500 });
    for (const items of [MIDDLE, LARGE]) {
      // The tree of a million is twice as deep as that of a thousand.
      rows.push({ name: `${names[what]}, ${english(items)} items against ${english(SMALL)}: p50`, values: against(what, items, 'p50'), ceiling: 2, aim: 1.5 });
    }
  }
  rows.push({ name: 'wrong answers', unit: '', values: [wrong], ceiling: 0, aim: 0, gate: 1 });
  return [...rows, ...transfers(fills)];
}

/** How long imports and exports take, and their memory. */
function transfers(fills) {
  const rows = [];
  for (const items of [FEW, MIDDLE, LARGE]) {
    const n = english(items);
    const { imported, exported, opened } = fills[items];
    rows.push({ name: `opening a store of ${n} items: peak memory`, unit: ' MiB', values: [opened.peak], ceiling: 150, aim: 100 });
    for (const [verb, { secs, peak }] of [['import', imported], ['export', exported]]) {
      rows.push({ name: `${verb} of ${n} items`, unit: ' s', values: [secs], ceiling: items / 10_000, aim: items / 50_000 });
      rows.push({ name: `${verb} of ${n} items: peak memory`, unit: ' MiB', values: [peak], ceiling: 400, aim: 200 });
    }
  }
  // The database's cache fills up to its bound; what the file adds beyond that must not follow its size.
  const beyond = (what, items) => fills[items][what].peak - fills[items].opened.peak;
  for (const [verb, what] of [['import', 'imported'], ['export', 'exported']]) {
    rows.push({
      name: `${verb}, 10 times the items (${english(LARGE)}): memory beyond opening`, values: [beyond(what, LARGE) / beyond(what, MIDDLE)], ceiling: 6, aim: 4,
    });
  }
  return rows;
}
