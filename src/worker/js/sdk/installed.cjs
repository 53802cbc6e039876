// What the published `@ampt/sdk` finds in Ampt's runtime: a global `addEventListener`, through
// which it registers the handlers of its interfaces, and something that counts what it uses. It
// sends by the management API, and publishes by what stands here in AWS' place.
'use strict';
const { register, warnOnce } = require('../runtime.cjs');
const { http } = require('./http.cjs');
const { notAvailable } = require('./missing.cjs');
const { receive: receiveEvents } = require('./published.cjs');
const { receive } = require('./socket-events.cjs');
const { timeoutOf } = require('./timeout.cjs');

const SOCKET = /^socket:(connected|message|disconnected)$/;
const ABSENT = /^(schedule|task|event:storage):/;

const listeners = { connected: undefined, message: undefined, disconnected: undefined };

/** Handlers of published events, by their target: `{ handler, timeout }`. */
const subscribers = new Map();

/** Registers the handler of a runtime event; the last one of a name wins. */
function addEventListener(name, handler, options) {
  const [, absent] = ABSENT.exec(name) ?? [];
  if (absent) throw notAvailable(absent.replace(/^event:/, ''));
  const [, event] = SOCKET.exec(name) ?? [];
  if (name === 'fetch') {
    http.use((request, context) => respond(handler, request, context));
  } else if (event !== undefined) {
    listeners[event] = handler;
    register({ event, timeout: timeoutOf(options, true) });
  } else if (name.startsWith('event:')) {
    // It is one function that runs all handlers of the event, so it gets the time of the longest.
    const timeout = Math.max(subscribers.get(name)?.timeout ?? 0, timeoutOf(options, true));
    subscribers.set(name, { handler, timeout });
    register({ event: name, timeout });
  } else {
    warnOnce('not-delivered', `\`${name}\` is never delivered: the local sandbox does not know this event`);
  }
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

receiveEvents((event, context) => subscribers.get(event.target)?.handler(event, context));

/** Whatever is asked of `storage` is counted first. */
function count(usage) {
  if (usage !== 'storageRequests') return;
  const error = notAvailable('storage');
  // Not all of its functions let the error out.
  warnOnce('storage', error.message);
  throw error;
}

globalThis.addEventListener = addEventListener;
process.telemetry = { count, _metadata: {} };
process.env.EVENTS_QUEUE_URL = require('../cloud/queue.cjs').URL;
process.env.RUNTIME_API_ARN = require('../cloud/runtime-api.cjs').ARN;
process.env.AMPT_ASSETS_LOCATION = require('../cloud/assets.cjs').LOCATION;
require('../cloud/index.cjs').install();
require('../cloud/lines.cjs').install();
