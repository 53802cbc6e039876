// Measures @ampt/data from within a handler: {get: n} or {set: n, waiting: w}.
import { ws } from '@ampt/sdk';
import { data } from '@ampt/data';

async function get(count) {
  await data.set('bench:key', { value: 'x'.repeat(100) });
  const micros = [];
  for (let i = 0; i < count; i += 1) {
    const start = performance.now();
    await data.get('bench:key');
    micros.push((performance.now() - start) * 1000);
  }
  micros.sort((a, b) => a - b);
  return { p50: micros[count >> 1], p99: micros[Math.floor(count * 0.99)] };
}

async function set(count, waiting) {
  let next = 0;
  const start = performance.now();
  const writer = async () => {
    while (next < count) await data.set(`bench:${(next += 1)}`, { value: 'x'.repeat(100) });
  };
  await Promise.all(Array.from({ length: waiting }, writer));
  return { perSecond: (count * 1000) / (performance.now() - start) };
}

ws.on('message', { timeout: 60_000 }, async (connection, ask) => {
  await connection.send(ask.get ? await get(ask.get) : await set(ask.set, ask.waiting));
});
