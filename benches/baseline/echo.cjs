// The yardstick: the npm package `ws`, echoing in one Node process. By default it does to each
// message what the SDK does (parse, stringify); RAW=1 echoes the bytes, which is the harder bar.
const { WebSocketServer } = require('ws');

const raw = process.env.RAW === '1';
const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.env.PORT),
  perMessageDeflate: false,
});
server.on('connection', (socket) => {
  socket.on('message', async (bytes) => {
    if (raw && bytes[2] !== 0x62) return socket.send(bytes.toString());
    const message = JSON.parse(bytes.toString());
    if (message.b === undefined) return socket.send(JSON.stringify(message));
    const text = JSON.stringify(message);
    for (const client of server.clients) client.send(text);
  });
});
