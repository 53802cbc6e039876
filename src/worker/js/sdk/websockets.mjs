import sdk from './websockets.cjs';

export const { ws, SocketManager, SocketConnection, InvalidConnectionError, WebSocketError } = sdk;
export default sdk.ws;
