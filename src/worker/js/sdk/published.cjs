// Published events, to the sandbox and back from it. It keeps them on disk until their handlers
// have finished, and delivers them on its clock.
'use strict';
const link = require('../link.cjs');
const { invoke, request } = require('../runtime.cjs');

const OP_PUBLISH = 64;
const EVENT = 11;

/**
 * Hands an event `{id, name, body, time, delay}` to the sandbox, to come in `delay` milliseconds.
 * Resolves once it is on disk; if it is not taken, to why.
 */
function keep(event) {
  const text = JSON.stringify(event);
  return new Promise((resolve) => {
    request(OP_PUBLISH, text, (refused, why) => resolve(refused ? String(why) : undefined));
  });
}

/** Has each event that is due run `handle(event, context)` as an invocation. */
function receive(handle) {
  link.handlers[EVENT] = (bytes, start, end) => {
    const invocation = bytes.readUInt32LE(start);
    const { id, name, body, time, delay, attempt = 1 } = JSON.parse(bytes.utf8Slice(start + 4, end));
    const event = { target: `event:${name}`, id, name, body, time, delay, attempt };
    invoke(invocation, handle, event, { setTimeout() {} });
  };
}

module.exports = { keep, receive };
