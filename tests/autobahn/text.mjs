import { ws } from '@ampt/sdk';

// 16 MB may take their time on a busy machine.
ws.on('message', { timeout: 60_000 }, (connection, text) => connection.send(text ?? ''));
