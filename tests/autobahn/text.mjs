import { ws } from '@ampt/sdk';

ws.on('message', (connection, text) => connection.send(text ?? ''));
