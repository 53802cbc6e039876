// The same work as baseline/echo.cjs, as an Ampt app.
import { ws } from '@ampt/sdk';

const open = new Set();
ws.on('connected', async (connection) => {
  open.add(connection.connectionId);
});
ws.on('disconnected', async (connection) => {
  open.delete(connection.connectionId);
});
ws.on('message', async (connection, message) => {
  if (message?.b === undefined) return connection.send(message);
  const receivers = [...open];
  await Promise.all(receivers.map((id) => ws.send(id, message, { throwIfNotConnected: false })));
});
