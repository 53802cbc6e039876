// Measures reads from a store of many items: {key: n, items} or {page: n, items}.
import { ws } from '@ampt/sdk';
import { data } from '@ampt/data';

/** Items lie in rooms of a thousand. */
const ROOM = 1000;

const ask = {
  async key(i) {
    return (await data.get(`room${Math.floor(i / ROOM)}:${String(i % ROOM).padStart(3, '0')}`)).n === i;
  },
  async page(i) {
    return (await data.get(`room${Math.floor(i / ROOM)}:*`)).items.length === 100;
  },
};

ws.on('message', { timeout: 60_000 }, async (connection, { what, count, items }) => {
  const micros = [];
  let wrong = 0;
  for (let n = 0; n < count; n += 1) {
    const i = Math.floor(Math.random() * items);
    const start = performance.now();
    if (!(await ask[what](i))) wrong += 1;
    micros.push((performance.now() - start) * 1000);
  }
  micros.sort((a, b) => a - b);
  await connection.send({ wrong, p50: micros[count >> 1], p99: micros[Math.floor(count * 0.99)] });
});
