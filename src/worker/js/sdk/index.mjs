import sdk from './index.cjs';

export const { core, events, http, params, schedule, storage, task, ws } = sdk;
export const { SocketConnection, InvalidConnectionError, WebSocketError } = sdk;
