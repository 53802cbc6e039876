// Events of sockets, from the link's frames to whoever runs handlers.
'use strict';
const link = require('../link.cjs');
const { byHandle, invoke } = require('../runtime.cjs');

const CONNECTED = 3;
const MESSAGE = 4;
const DISCONNECTED = 5;
const BINARY = 12;
const ID_LENGTH = 16;

const BEGUN = 12;

/** The id behind an invocation's number: one string for all events of a connection, if it is open. */
function idOf(bytes, start) {
  return byHandle.get(bytes.readUInt32LE(start + 4))?.id ?? bytes.latin1Slice(start + 8, start + 8 + ID_LENGTH);
}

/**
 * Has each kind of event run a function as an invocation: `connected(id, meta)`,
 * `message(id, text)`, `binary(id, base64)`, `disconnected(id, reason)`.
 */
function receive({ connected, message, binary, disconnected }) {
  link.handlers[CONNECTED] = (bytes, start, end) => {
    const meta = JSON.parse(bytes.utf8Slice(start + 8 + ID_LENGTH, end));
    invoke(bytes.readUInt32LE(start), connected, idOf(bytes, start), meta);
  };
  link.handlers[MESSAGE] = (bytes, start, end) => {
    const text = bytes.utf8Slice(start + 8 + ID_LENGTH, end);
    invoke(bytes.readUInt32LE(start), message, idOf(bytes, start), text);
  };
  link.handlers[BINARY] = (bytes, start, end) => {
    const text = bytes.latin1Slice(start + 8 + ID_LENGTH, end);
    invoke(bytes.readUInt32LE(start), binary, idOf(bytes, start), text);
  };
  link.handlers[DISCONNECTED] = (bytes, start, end) => {
    const id = bytes.latin1Slice(start + 4, start + 4 + ID_LENGTH);
    const reason = bytes.utf8Slice(start + 4 + ID_LENGTH, end);
    const invocation = bytes.readUInt32LE(start);
    // Ahead of whatever it asks of the sandbox.
    link.sendNumber(BEGUN, invocation);
    invoke(invocation, disconnected, id, reason);
  };
}

module.exports = { receive };
