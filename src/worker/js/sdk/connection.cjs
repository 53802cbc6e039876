// Sending to, asking after and closing connections, and the object that handlers get.
'use strict';
const link = require('../link.cjs');
const { aftermath, byId, request, config, hint } = require('../runtime.cjs');

const SEND = 7;
const SEND_SAME = 11;
const OP_CLOSE = 1;
const GONE = 1;

/** Largest message that the management API takes, in bytes. */
const MAX_BYTES = Math.max(131072, config.maxMessage ?? 0);

/** Texts from this length on are worth remembering for the next connection. */
const WORTH = 48;
/** While short texts do not repeat, one of so many is compared with the one before. */
const LOOK_EVERY = 8;
/** From this length on, to send a text costs far more than to compare it. */
const LONG = 1024;

const ID = /^[A-Za-z0-9_-]{14}[AEIMQUYcgkosw048]=$/;

class InvalidConnectionError extends Error {}
class WebSocketError extends Error {}

let lastText = '';
let isRepeating = false;
/** Texts since one was compared. */
let unlike = 0;

/** Whether a text is the last one once more, as far as is worth finding out. */
function isRepetition(text) {
  // Answers are as long as each other and begin alike: to compare each of them would be dear.
  const isLookedAt = isRepeating || unlike === 0 || text.length >= LONG;
  isRepeating = isLookedAt && text.length >= WORTH && text === lastText;
  unlike = isRepeating ? 0 : (unlike + 1) % LOOK_EVERY;
  return isRepeating;
}

/** The error for an id that cannot stand in a request, or nothing. */
function unusable(id) {
  if (id === undefined) return 'No value provided for input HTTP label: ConnectionId.';
  // What the published package says of it.
  if (id === null) return "Cannot read properties of null (reading 'length')";
  if (id.length <= 0) return 'Empty value provided for input HTTP label: ConnectionId.';
  return undefined;
}

/**
 * Sends to a connection; a string goes as it is, everything else as JSON.
 *
 * Resolves once the link has the text, or, under load, once it stands in the link's buffer, which is
 * written with the turn of the event loop. The ends of the process that JavaScript sees coming
 * (`process.exit`, an uncaught exception, `process.abort`) write it first; one that comes from
 * outside or from below (SIGKILL, out of memory, a native crash) takes the buffer with it.
 */
async function send(id, data, options) {
  let text = typeof data === 'string' ? data : JSON.stringify(data);
  if (text === undefined) text = '';
  const entry = byId.get(id);
  if (entry === undefined) {
    const problem = unusable(id);
    if (problem) throw new WebSocketError(problem);
    const quiet = options?.throwIfNotConnected;
    if (quiet !== undefined && !quiet) return;
    const error = new InvalidConnectionError(`Connection ${id} is not connected`);
    throw hint(error, 'catch it, or send with `{ throwIfNotConnected: false }`');
  }
  if (entry.slow) {
    const error = new WebSocketError('The client is reading too slowly');
    throw hint(error, 'more than 1 MB waits for it: catch this, and send again later');
  }
  if (text.length * 3 > MAX_BYTES && Buffer.byteLength(text) > MAX_BYTES) {
    throw new WebSocketError('Message too long');
  }
  if (isRepetition(text)) {
    link.sendAgain(SEND_SAME, entry.handle);
  } else {
    lastText = text;
    link.sendText(SEND, entry.handle, text);
  }
  const operation = aftermath.start('`ws.send`', send);
  if (operation !== undefined) await aftermath.turned(operation);
}

/** Whether a connection is open. */
async function isConnected(id) {
  const problem = unusable(id);
  if (problem) throw new WebSocketError(problem);
  return byId.has(id);
}

function closeOne(id) {
  return new Promise((resolve, reject) => {
    const problem = unusable(id);
    if (problem) return reject(new WebSocketError(problem));
    if (typeof id !== 'string' || !ID.test(id)) {
      return reject(new WebSocketError(`Invalid connectionId: ${id}`));
    }
    // Made here, where the caller is still on the stack.
    const failure = new WebSocketError('UnknownError');
    const operation = aftermath.start('`ws.close`', closeOne);
    request(OP_CLOSE, id, (status) => {
      aftermath.finish(operation);
      if (status === GONE) reject(hint(failure, `${id} is closed already: ask \`ws.isConnected\` first, or catch this`));
      else resolve();
    });
  });
}

/** Closes a connection, or each of a list of them. */
async function close(id) {
  return Array.isArray(id) ? Promise.all(id.map(closeOne)) : closeOne(id);
}

/** One connection, as handlers get it. */
class SocketConnection {
  constructor(connectionId, meta) {
    this.connectionId = connectionId;
    this.meta = meta;
  }

  send(data, options) {
    return send(this.connectionId, data, options);
  }

  isConnected() {
    return isConnected(this.connectionId);
  }

  close() {
    return close(this.connectionId);
  }

  static for(connectionId) {
    return new SocketConnection(connectionId);
  }

  static close(connectionId) {
    return close(connectionId);
  }
}

module.exports = { send, isConnected, close, SocketConnection, InvalidConnectionError, WebSocketError };
