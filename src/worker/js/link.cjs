// The worker's end of the link: frames as worker/wire.rs describes them.
'use strict';
const net = require('node:net');
const fs = require('node:fs');
// Not the global one, which an app may replace by one of its own (fake timers do).
const { setImmediate } = require('node:timers');
const conversation = require('./conversation.cjs');

const FD = 3;
const HEADER = 5; // u32 length, u8 kind
const CHUNK = 64 * 1024;
const MAX_FRAME = 64 * 1024 * 1024;

const handlers = new Array(32).fill(null);
let socket;

// ---- out: frames gather in one buffer that is written once per turn of the event loop ----

let out = Buffer.allocUnsafeSlow(CHUNK);
let end = 0;
let scheduled = false;
/** What the kernel did not take at once and the stream is writing: until it has, nothing else is written. */
let rest = null;

function flush() {
  scheduled = false;
  if (end === 0 || rest !== null) return;
  let from = 0;
  // A direct write saves the stream machinery; what the kernel does not take goes through it.
  try {
    from = fs.writeSync(FD, out, 0, end);
  } catch (error) {
    if (error.code !== 'EAGAIN') process.exit(1); // the sandbox is gone
  }
  if (from < end) {
    rest = out.subarray(from, end);
    out = Buffer.allocUnsafeSlow(CHUNK);
    socket.write(rest, () => {
      rest = null;
      flush();
    });
  }
  end = 0;
  if (out.length > 16 * CHUNK) out = Buffer.allocUnsafeSlow(CHUNK);
}

/** How long the sandbox may take nothing before the last words are given up. */
const LAST_WORDS_MS = 1000;

/** Writes everything before it returns. Only for the process's last moments: nothing may be sent after it. */
function flushAll() {
  if (begun !== 0) writeMark(begun);
  if (rest !== null) {
    // Of what the stream is writing, the kernel has all but what still stands in its queue.
    const left = socket._handle?.writeQueueSize ?? 0;
    if (!writeWhole(rest.subarray(rest.length - left))) return;
    rest = null;
  }
  writeWhole(out.subarray(0, end));
  end = 0;
}

/** Writes all of it, waiting where the link is full; false if the sandbox does not take it. */
function writeWhole(bytes) {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  let from = 0;
  let until = Date.now() + LAST_WORDS_MS;
  while (from < bytes.length) {
    try {
      from += fs.writeSync(FD, bytes, from);
      until = Date.now() + LAST_WORDS_MS;
    } catch (error) {
      if (error.code !== 'EAGAIN' || Date.now() > until) return false;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
  return true;
}

/** Makes room for `bytes` more and returns the offset at which they go. */
function reserve(bytes) {
  if (end + bytes > out.length) {
    if (end > 0 && bytes <= CHUNK) flush();
    if (end + bytes > out.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(out.length * 2, end + bytes));
      out.copy(larger, 0, 0, end);
      out = larger;
    }
  }
  if (!scheduled) {
    scheduled = true;
    setImmediate(flush);
  }
  return end;
}

function header(at, length, kind) {
  out.writeUInt32LE(length, at);
  out[at + 4] = kind;
}

/** A frame of a number and nothing else. */
function sendNumber(kind, number) {
  const at = reserve(HEADER + 4);
  header(at, 5, kind);
  out.writeUInt32LE(number, at + HEADER);
  end = at + HEADER + 4;
}

/** A frame of a number and text. Returns the text's size in bytes. */
function sendText(kind, number, text) {
  const at = reserve(HEADER + 4 + text.length * 3);
  const written = out.utf8Write(text, at + HEADER + 4);
  header(at, 5 + written, kind);
  out.writeUInt32LE(number, at + HEADER);
  end = at + HEADER + 4 + written;
  return written;
}

/** Repetitions of a text after which the link is written: the sandbox sends them while the next ones are made. */
const MANY = 128;
let repeated = 0;

/** A frame that repeats the last text, for another connection. */
function sendAgain(kind, handle) {
  sendNumber(kind, handle);
  repeated += 1;
  if (repeated % MANY === 0) flush();
}

/** A frame of text alone. */
function sendBare(kind, text) {
  const at = reserve(HEADER + text.length * 3);
  const written = out.utf8Write(text, at + HEADER);
  header(at, 1 + written, kind);
  end = at + HEADER + written;
}

/** A call: number, operation, and a payload that is text or bytes. */
function sendCall(number, op, payload) {
  const text = typeof payload === 'string';
  const at = reserve(HEADER + 5 + (text ? payload.length * 3 : payload.length));
  const start = at + HEADER + 5;
  const size = text ? out.utf8Write(payload, start) : payload.copy(out, start);
  header(at, 6 + size, 8);
  out.writeUInt32LE(number, at + HEADER);
  out[at + HEADER + 4] = op;
  end = start + size;
}

// ---- in ----

let partial = null;

/** Kinds of frames that begin an invocation: its number comes first. */
const BEGINS = new Array(32).fill(false);
for (const kind of [3, 4, 5, 10, 11, 12]) BEGINS[kind] = true;
const DISCONNECTED = 5;

/** Deals with the frame at `at`; `limit` is the end of what was read. */
function dispatch(buffer, at, length, limit) {
  const kind = buffer[at];
  if (BEGINS[kind]) mark(kind, buffer, at, length, limit);
  const handler = handlers[kind];
  if (handler) handler(buffer, at + 1, at + length);
}

// ---- the mark: which invocations the sandbox must not give to another worker if this one dies ----

const MARK_FD = 6;
/**
 * Each write is a system call, a good part of what a small handler costs. So of the invocations that
 * were read together up to half are counted as begun with one write, and of a crowd so many.
 */
const AHEAD = 16;
/** So many make a crowd. */
const CROWD = 8;
/** Whether one was read: then its last ones are not counted more finely than its first. */
let isCrowd = false;

/** What stands in the file: the last invocation that counts as begun, and the last `disconnected` that is. */
const marked = Buffer.alloc(8);
let begun = 0;

function writeMark(number) {
  marked.writeUInt32LE(number >>> 0, 0);
  try {
    fs.writeSync(MARK_FD, marked, 0, 8, 0);
  } catch {
    // The app has closed it: what it does now is its own affair.
  }
}

function mark(kind, buffer, at, length, limit) {
  const number = buffer.readUInt32LE(at + 1);
  begun = number;
  const last = marked.readUInt32LE(0);
  const counts = ((number - last) | 0) <= 0 && last !== 0;
  if (kind === DISCONNECTED) marked.writeUInt32LE(number, 4);
  else if (counts) return;
  writeMark(counts ? last : number + ahead(invocationsFrom(buffer, at + length, limit)));
}

/** How many of the invocations that come next are counted as begun. */
function ahead(count) {
  if (count >= CROWD) isCrowd = true;
  return isCrowd ? Math.min(count, AHEAD - 1) : count >> 1;
}

/** How many more invocations were read, up to AHEAD. */
function invocationsFrom(buffer, at, limit) {
  let count = 0;
  while (count < AHEAD && limit - at > 4) {
    if (BEGINS[buffer[at + 4]]) count += 1;
    at += 4 + buffer.readUInt32LE(at);
  }
  return count;
}

function receive(read, chunk) {
  let bytes = chunk;
  let limit = read;
  if (partial) {
    bytes = Buffer.concat([partial, chunk.subarray(0, read)]);
    limit = bytes.length;
    partial = null;
  }
  let at = 0;
  isCrowd = false;
  while (limit - at >= 4) {
    const length = bytes.readUInt32LE(at);
    if (length > MAX_FRAME) process.exit(1);
    if (limit - at - 4 < length) break;
    dispatch(bytes, at + 4, length, limit);
    at += 4 + length;
  }
  // The chunk is reused by the next read, so what is left of it is copied.
  if (at < limit) partial = Buffer.from(bytes.subarray(at, limit));
  conversation.listen(bytes, limit);
  return true;
}

/** Opens the link. The process lives as long as the sandbox holds the other end. */
function open() {
  socket = new net.Socket({
    fd: FD,
    readable: true,
    writable: true,
    onread: { buffer: Buffer.allocUnsafeSlow(CHUNK), callback: receive },
  });
  socket.on('error', () => process.exit(1));
  socket.on('end', () => process.exit(0));
  socket.on('close', () => process.exit(0));
  socket.resume();
}

module.exports = { open, handlers, flush, flushAll, sendNumber, sendText, sendAgain, sendBare, sendCall };
