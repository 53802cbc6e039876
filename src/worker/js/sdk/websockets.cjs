// The `ws` interface.
'use strict';
const link = require('../link.cjs');
const { byHandle, invoke, register, warnOnce } = require('../runtime.cjs');
const connection = require('./connection.cjs');
const { timeoutOf } = require('./timeout.cjs');

const { send, isConnected, close, SocketConnection, InvalidConnectionError, WebSocketError } = connection;

const CONNECTED = 3;
const MESSAGE = 4;
const DISCONNECTED = 5;
const BINARY = 12;
const ID_LENGTH = 16;

const listeners = { connected: undefined, message: undefined, disconnected: undefined };

/** Registers the handler of an event; the last one wins. */
function on(event, config, handler) {
  if (typeof config === 'function') {
    handler = config;
    config = undefined;
  }
  if (!Object.hasOwn(listeners, event)) {
    warnOnce('unknown-event', `ws.on('${String(event)}') never fires: the events are connected, message and disconnected`);
    return;
  }
  listeners[event] = handler;
  register({ event, timeout: timeoutOf(config) });
}

const onConnected = (socket) => listeners.connected?.(socket);
const onDisconnected = (socket, reason) => listeners.disconnected?.(socket, reason);

link.handlers[CONNECTED] = (bytes, start, end) => {
  const invocation = bytes.readUInt32LE(start);
  const id = byHandle.get(bytes.readUInt32LE(start + 4))?.id ?? bytes.latin1Slice(start + 8, start + 8 + ID_LENGTH);
  const meta = JSON.parse(bytes.utf8Slice(start + 8 + ID_LENGTH, end));
  // The name that an older document uses; the published package never had it.
  Object.defineProperty(meta, 'queryStringParams', {
    enumerable: false,
    configurable: true,
    get() {
      warnOnce('query-string-params', '`meta.queryStringParams` is undefined in the published @ampt/sdk; write `meta.queryStringParameters`');
      return meta.queryStringParameters;
    },
  });
  invoke(invocation, onConnected, new SocketConnection(id, meta));
};

link.handlers[DISCONNECTED] = (bytes, start, end) => {
  const invocation = bytes.readUInt32LE(start);
  const id = bytes.latin1Slice(start + 4, start + 4 + ID_LENGTH);
  const reason = bytes.utf8Slice(start + 4 + ID_LENGTH, end);
  invoke(invocation, onDisconnected, new SocketConnection(id), reason);
};

const MAY_BE_JSON = new Set([...'{["-0123456789tfn \t\r\n'].map((c) => c.charCodeAt(0)));

/** What a handler gets for a text: JSON if it is some, else the text; nothing for an empty one. */
function parse(text) {
  if (text === '') return undefined;
  // A failing JSON.parse is dear; most texts that are no JSON show it in their first character.
  if (!MAY_BE_JSON.has(text.charCodeAt(0))) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function onMessage(socket, text) {
  const handler = listeners.message;
  if (handler === undefined) return undefined;
  if (text === 'ping') return socket.send('pong');
  return handler(socket, parse(text));
}

function idOf(bytes, at) {
  return byHandle.get(bytes.readUInt32LE(at))?.id;
}

link.handlers[MESSAGE] = (bytes, start, end) => {
  const invocation = bytes.readUInt32LE(start);
  const id = idOf(bytes, start + 4) ?? bytes.latin1Slice(start + 8, start + 8 + ID_LENGTH);
  const text = bytes.utf8Slice(start + 8 + ID_LENGTH, end);
  invoke(invocation, onMessage, new SocketConnection(id), text);
};

link.handlers[BINARY] = (bytes, start, end) => {
  const invocation = bytes.readUInt32LE(start);
  const id = idOf(bytes, start + 4) ?? bytes.latin1Slice(start + 8, start + 8 + ID_LENGTH);
  const text = bytes.latin1Slice(start + 8 + ID_LENGTH, end);
  invoke(invocation, (socket, data) => listeners.message?.(socket, data), new SocketConnection(id), text);
};

const ws = { on, send, isConnected, close };

module.exports = { ws, SocketConnection, InvalidConnectionError, WebSocketError };
