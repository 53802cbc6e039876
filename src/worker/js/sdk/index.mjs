import { createRequire } from 'node:module';

// Not imported: for that, Node would prepare its reader of CommonJS exports first.
const sdk = createRequire(import.meta.url)('./index.cjs');

export const { core, events, http, params, schedule, storage, task, ws } = sdk;
export const { SocketConnection, InvalidConnectionError, WebSocketError } = sdk;
