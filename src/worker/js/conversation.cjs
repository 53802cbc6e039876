// Keeps the worker awake while one client alone asks, waits for the answer, and asks again.
//
// To wake a sleeping process takes longer than a small handler runs, on a virtual machine several
// times as long, and such a client pays for it with each message. So while it goes on, the event
// loop turns instead of sleeping. A wait in vain ends it, and many messages in a row must come
// before the next one: whoever sends now and then costs next to nothing.
'use strict';
// Not what is global later, which an app may replace by its own (fake timers do).
const { setImmediate } = require('node:timers');
const now = process.hrtime.bigint;

/** Messages that are further apart are no conversation; so long is the next one waited for. */
const APART_NS = 400_000n;
/** So many in a row make one. */
const IN_A_ROW = 16;
/** What is read at once is larger than this if it is a long message, or a crowd. */
const SMALL = 4096;

/** Where worker/wire.rs has the kind of a frame and, in a message, its connection's number. */
const KIND_AT = 4;
const HANDLE_AT = 9;
const MESSAGE = 4;

let inARow = 0;
let partner = 0;
let lastRead = 0n;
let isAwake = false;
/** With a single processor, staying awake would keep the client from it. */
let canStayAwake;

/** Takes note of what was read from the link: the first `limit` bytes of `bytes`. */
function listen(bytes, limit) {
  const handle = soleSpeaker(bytes, limit);
  if (handle === 0 || handle !== partner) {
    partner = handle;
    inARow = 0;
    return;
  }
  const readAt = now();
  inARow = readAt - lastRead < APART_NS ? inARow + 1 : 0;
  lastRead = readAt;
  if (inARow < IN_A_ROW || isAwake) return;
  canStayAwake ??= require('node:os').availableParallelism() > 1;
  if (!canStayAwake) return;
  isAwake = true;
  setImmediate(stayAwake);
}

/** The connection that a message came from if nothing else was read, and otherwise 0. */
function soleSpeaker(bytes, limit) {
  const isSole =
    limit > HANDLE_AT + 4 &&
    limit < SMALL &&
    bytes[KIND_AT] === MESSAGE &&
    bytes.readUInt32LE(0) + 4 === limit;
  return isSole ? bytes.readUInt32LE(HANDLE_AT) : 0;
}

function stayAwake() {
  if (inARow >= IN_A_ROW && now() - lastRead < APART_NS) {
    setImmediate(stayAwake);
    return;
  }
  isAwake = false;
  inARow = 0;
}

module.exports = { listen };
