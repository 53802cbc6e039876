import sdk from './websockets.cjs';

export const { ws, SocketConnection, InvalidConnectionError, WebSocketError } = sdk;
export default sdk.ws;
