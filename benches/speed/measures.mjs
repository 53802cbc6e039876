// What is measured. Each measure gives a list of rows; a row has its rounds' values.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { baseline, client, clientAsSoonAsPossible, freePort, load, map, next, sandbox, sleep } from './processes.mjs';

/** Runs both sides once a round, in alternating order. */
async function alternate(rounds, ours, theirs) {
  const results = [];
  for (let round = 0; round < rounds; round += 1) {
    const first = round % 2 === 0;
    const a = first ? await ours() : undefined;
    const b = await theirs();
    results.push([a ?? (await ours()), b]);
  }
  return results;
}

async function withPair(work) {
  const pair = [sandbox('echo', await freePort(), ['--no-watch']), baseline(await freePort())];
  try {
    await pair[0].ready;
    for (const { url } of pair) (await clientAsSoonAsPossible(url)).close();
    return await work(...pair);
  } finally {
    await Promise.all(pair.map((server) => server.stop()));
  }
}

const ratios = (results, value) => results.map(([ours, theirs]) => value(ours) / value(theirs));
const lost = (results) => results.flat().reduce((sum, r) => sum + (r.lost_conns ?? 0) + r.failed_connects, 0);

/** Closed and open loops against the same pair of servers. */
export function traffic({ rounds, secs }) {
  const time = ['--secs', String(secs), '--warmup', '0.4'];
  return withPair(async (ours, theirs) => {
    const run = (...args) => alternate(rounds, () => load(ours, [...args, ...time]), () => load(theirs, [...args, ...time]));
    const wide = await run('echo', '--conns', '50', '--inflight', '1');
    const deep = await run('echo', '--conns', '50', '--inflight', '10');
    const one = await run('echo', '--conns', '1', '--inflight', '1');
    const slow = await run('rate', '--conns', '50', '--rate', '2000');
    const fast = await run('rate', '--conns', '50', '--rate', '20000');
    const rows = [
      { name: 'echo, 50 connections, 1 in flight: messages/s', values: ratios(wide, (r) => r.msgs_s), floor: 1.2, aim: 1.6 },
      { name: 'echo, 50 connections, 10 in flight: messages/s', values: ratios(deep, (r) => r.msgs_s), floor: 3, aim: 5 },
      { name: 'server CPU per message at 50/1', values: ratios(wide, (r) => r.cpu.srv_us_per_msg), ceiling: 0.8, aim: 0.55, gate: 1.75 },
      { name: 'one connection, one in flight: p50', values: ratios(one, (r) => r.lat_us.p50), ceiling: 1.5, aim: 1.2 },
    ];
    for (const [rate, results] of [['2,000', slow], ['20,000', fast]]) {
      for (const p of ['p50', 'p99']) {
        rows.push({ name: `open loop, ${rate} messages/s: ${p}`, values: ratios(results, (r) => r.lat_us[p]), ceiling: 1.6, aim: 1.3 });
      }
    }
    const dropped = [wide, deep, one, slow, fast].reduce((sum, results) => sum + lost(results), 0);
    rows.push({ name: 'dropped or refused connections under load', unit: '', values: [dropped], ceiling: 0, aim: 0, gate: 1 });
    return rows;
  });
}

/** Opening many connections, and what they weigh; each round with servers of its own. */
export async function connections({ rounds, connections: count }) {
  const opened = [];
  const held = [];
  for (let round = 0; round < rounds; round += 1) {
    const [o, i] = await withPair(async (ours, theirs) => {
      const connect = ['connect', '--conns', String(count)];
      const pair = round % 2 === 0
        ? [await load(ours, connect), await load(theirs, connect)]
        : [await load(theirs, connect), await load(ours, connect)].reverse();
      return [pair, null];
    });
    opened.push(o);
    held.push(i);
  }
  const idle = [];
  for (let round = 0; round < Math.min(3, rounds); round += 1) {
    const server = sandbox('echo', await freePort(), ['--no-watch']);
    await server.ready;
    // A worker's heap grows with its first work, whatever that is: this is no connection's weight.
    await load(server, ['echo', '--conns', '10', '--secs', '1']);
    idle.push((await load(server, ['idle', '--conns', String(count), '--hold', '2'])).kib_per_conn);
    await server.stop();
  }
  const failed = opened.reduce((sum, [ours]) => sum + ours.failed, 0);
  const n = count.toLocaleString('en');
  return [
    { name: `${n} connections opened: rate`, values: ratios(opened, (r) => r.connects_s), floor: 2.5, aim: 4 },
    { name: `${n} connections opened: failures`, unit: '', values: [failed], ceiling: 0, aim: 0, gate: 1 },
    { name: 'memory per idle connection', unit: ' KiB', values: idle, ceiling: 8, aim: 5, gate: 1.25 },
  ];
}

/** One message to many receivers. */
export function broadcast({ rounds }) {
  return withPair(async (ours, theirs) => {
    const args = ['fanout', '--conns', '1000', '--rounds', '10'];
    const results = await alternate(rounds, () => load(ours, args), () => load(theirs, args));
    const undelivered = results.reduce((sum, [r]) => sum + r.undelivered, 0);
    return [
      { name: 'broadcast to 1,000 receivers: deliveries/s', values: ratios(results, (r) => r.deliveries_s), floor: 1.1, aim: 1.5 },
      { name: 'broadcast: undelivered', unit: '', values: [undelivered], ceiling: 0, aim: 0, gate: 1 },
    ];
  });
}

/** From the start of the process to the first answer by a handler. */
export async function start({ rounds }) {
  const once = async (begin) => {
    const port = await freePort();
    const begun = performance.now();
    const server = begin(port);
    const socket = await clientAsSoonAsPossible(server.url);
    socket.send('{"n":1}');
    await next(socket);
    const took = performance.now() - begun;
    socket.close();
    await server.stop();
    return took;
  };
  const results = await alternate(rounds, () => once((port) => sandbox('echo', port)), () => once((port) => baseline(port)));
  return [{ name: 'start to the first answer by a handler', values: ratios(results, (ms) => ms), ceiling: 1, aim: 0.7 }];
}

const versioned = (version) => `import { ws } from '@ampt/sdk';
ws.on('message', (connection, n) => connection.send({ n, version: ${version} }));
`;

/** From a save to the first answer by the new code, with many sockets open. */
export async function reload({ rounds, sockets = 200 }) {
  const server = sandbox('echo', await freePort());
  await server.ready;
  const file = path.join(server.folder, 'index.mjs');
  const clients = await Promise.all(Array.from({ length: sockets }, () => client(server.url)));
  let dropped = 0;
  clients.forEach((socket) => socket.on('close', () => (dropped += 1)));
  const asker = clients[0];
  let asked = 0;
  let answered = 0;
  let seen = () => {};
  asker.on('message', (bytes) => {
    answered += 1;
    seen(JSON.parse(bytes).version);
  });
  const ask = setInterval(() => asker.send(String((asked += 1))), 1);
  const took = [];
  for (let version = 1; version <= rounds + 1; version += 1) {
    const begun = performance.now();
    const there = new Promise((resolve) => (seen = (v) => v === version && resolve()));
    writeFileSync(file, versioned(version));
    await there;
    // The first one follows the start: there may be no spare worker yet.
    if (version > 1) took.push(performance.now() - begun);
    await sleep(400);
  }
  clearInterval(ask);
  for (let waited = 0; answered < asked && waited < 100; waited += 1) await sleep(20);
  const result = dropped;
  await server.stop();
  return [
    { name: `save to the first answer by the new code, ${sockets} sockets`, unit: ' ms', values: took, ceiling: 25, aim: 10, gate: 3 },
    { name: 'reload: dropped sockets', unit: '', values: [result], ceiling: 0, aim: 0, gate: 1 },
    { name: 'reload: unanswered messages', unit: '', values: [asked - answered], ceiling: 0, aim: 0, gate: 1 },
  ];
}

/** The data store, from within a handler. */
export async function data({ rounds }) {
  const server = sandbox('data', await freePort(), ['--no-watch']);
  await server.ready;
  const socket = await client(server.url);
  const ask = async (question) => {
    socket.send(JSON.stringify(question));
    return JSON.parse(await next(socket));
  };
  const other = await map();
  await ask({ get: 2000 });
  const gets = await alternate(rounds, () => ask({ get: 3000 }), () => other.measure(3000));
  const sets = await alternate(rounds, () => ask({ set: 6400, waiting: 64 }), () => ask({ set: 800, waiting: 1 }));
  socket.close();
  await Promise.all([server.stop(), other.stop()]);
  return [
    { name: 'durable data.set, 64 waiting against one at a time', values: ratios(sets, (r) => r.perSecond), floor: 8, aim: 13 },
    { name: 'data.get against a Map behind a socket: p50', values: ratios(gets, (r) => r.p50), ceiling: 1.5, aim: 1.2 },
  ];
}
