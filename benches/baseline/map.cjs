// A Node Map behind one socket round trip: the least that a store in another process can cost.
const net = require('node:net');

const path = process.argv[2];
const items = new Map([['bench:key', JSON.stringify({ value: 'x'.repeat(100) })]]);

if (process.argv[3] === 'serve') {
  net.createServer((socket) => {
    socket.on('data', (key) => socket.write(items.get(key.toString())));
  }).listen(path, () => process.stdout.write('ready\n'));
} else {
  const count = Number(process.argv[4]);
  const socket = net.connect(path, async () => {
    const micros = [];
    for (let i = 0; i < count; i += 1) {
      const start = performance.now();
      const answer = new Promise((resolve) => socket.once('data', resolve));
      socket.write('bench:key');
      JSON.parse((await answer).toString());
      micros.push((performance.now() - start) * 1000);
    }
    micros.sort((a, b) => a - b);
    process.stdout.write(`${JSON.stringify({ p50: micros[count >> 1] })}\n`);
    socket.end();
  });
}
