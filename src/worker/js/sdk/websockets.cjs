// The `ws` interface.
'use strict';
const { register, warnOnce } = require('../runtime.cjs');
const connection = require('./connection.cjs');
const { receive } = require('./socket-events.cjs');
const { timeoutOf } = require('./timeout.cjs');

const { send, isConnected, close, SocketConnection, InvalidConnectionError, WebSocketError } = connection;

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

/** The name that an older document uses for a part of `meta`; the published package never had it. */
const OLD_NAME = {
  enumerable: false,
  configurable: true,
  get() {
    warnOnce('query-string-params', '`meta.queryStringParams` is undefined in the published @ampt/sdk; write `meta.queryStringParameters`');
    return this.queryStringParameters;
  },
};

/** Gives `meta` that name, by one getter for all: so the engine sees objects of one shape. */
const withOldName = (meta) => Object.defineProperty(meta, 'queryStringParams', OLD_NAME);

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

receive({
  connected: (id, meta) => listeners.connected?.(new SocketConnection(id, withOldName(meta))),
  message(id, text) {
    const handler = listeners.message;
    if (handler === undefined) return undefined;
    if (text === 'ping') return send(id, 'pong');
    return handler(new SocketConnection(id), parse(text));
  },
  binary: (id, base64) => listeners.message?.(new SocketConnection(id), base64),
  disconnected: (id, reason) => listeners.disconnected?.(new SocketConnection(id), reason),
});

/** What `ws` is one of. */
class SocketManager {}
Object.assign(SocketManager.prototype, { on, send, isConnected, close });

const ws = new SocketManager();

module.exports = { ws, SocketManager, SocketConnection, InvalidConnectionError, WebSocketError };
