// What the published `@ampt/sdk` finds in Ampt's runtime: a global `addEventListener`, through
// which it registers the handlers of its interfaces. It sends by the management API.
'use strict';
const { register, warnOnce } = require('../runtime.cjs');
const { http } = require('./http.cjs');
const { receive } = require('./socket-events.cjs');
const { timeoutOf } = require('./timeout.cjs');

const SOCKET = /^socket:(connected|message|disconnected)$/;

const listeners = { connected: undefined, message: undefined, disconnected: undefined };

/** Registers the handler of a runtime event; the last one of a name wins. */
function addEventListener(name, handler, options) {
  if (name === 'fetch') {
    http.use((request, context) => respond(handler, request, context));
    return;
  }
  const [, event] = SOCKET.exec(name) ?? [];
  if (event === undefined) {
    warnOnce('not-delivered', `\`${name}\` is never delivered: with --sdk installed the sandbox has \`ws\` and \`http\` only; leave it out to have \`events\` as well`);
    return;
  }
  listeners[event] = handler;
  register({ event, timeout: timeoutOf(options, true) });
}

/** Runs a `fetch` listener; resolves to its response. */
function respond(listener, request, context) {
  return new Promise((resolve, reject) => {
    const event = { request, respondWith: resolve, setTimeout: http.setTimeout };
    Promise.resolve(listener(event, context)).catch(reject);
  });
}

const onMessage = (connectionId, body) => listeners.message?.({ connectionId, body });

receive({
  connected: (connectionId, connectParams) => listeners.connected?.({ connectionId, connectParams }),
  message: onMessage,
  binary: onMessage,
  disconnected: (connectionId, disconnectReason) => listeners.disconnected?.({ connectionId, disconnectReason }),
});

globalThis.addEventListener = addEventListener;
