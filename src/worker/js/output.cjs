// What the app prints, with its level, on a pipe of its own. Writing is synchronous: what was
// printed just before an endless loop or a crash is seen. Lines are made of it at the other end.
'use strict';
const fs = require('node:fs');

const FD = 4;
const LEVELS = { debug: 0, info: 1, warn: 2, error: 3 };
const BY_METHOD = { debug: 'debug', warn: 'warn', error: 'error', trace: 'warn', assert: 'error' };
const TO_STDERR = 4;
const IS_ONE = 8;
const HEADER = 5; // u32 length, u8 flags
const LONGEST = 64 * 1024;

/** The level of the `console` method that is at work. */
let level;

function writeAll(bytes) {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += fs.writeSync(FD, bytes, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') return; // nobody listens any more
    }
  }
}

function record(size, flags) {
  const bytes = Buffer.allocUnsafe(HEADER + size);
  bytes.writeUInt32LE(1 + size, 0);
  bytes[4] = flags;
  return bytes;
}

function emitText(text, flags) {
  const size = Buffer.byteLength(text);
  if (size > LONGEST) return emitBytes(Buffer.from(text), flags);
  const bytes = record(size, flags);
  bytes.write(text, HEADER, 'utf8');
  writeAll(bytes);
}

function emitBytes(chunk, flags) {
  for (let at = 0; at < chunk.length; at += LONGEST) {
    const piece = chunk.subarray(at, at + LONGEST);
    const bytes = record(piece.length, flags);
    bytes.set(piece, HEADER);
    writeAll(bytes);
  }
}

function emit(chunk, encoding, flags) {
  if (typeof chunk === 'string') {
    if (!encoding || encoding === 'utf8') emitText(chunk, flags);
    else emitBytes(Buffer.from(chunk, encoding), flags);
  } else if (ArrayBuffer.isView(chunk)) {
    emitBytes(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength), flags);
  } else {
    const what = 'The "chunk" argument must be of type string or an instance of Buffer, TypedArray, or DataView';
    throw Object.assign(new TypeError(what), { code: 'ERR_INVALID_ARG_TYPE' });
  }
}

/**
 * Replaces the `write` of one of the process's streams, which is what everything that prints comes to.
 * The stream is made when it is first asked for, as always: that takes longer than most of our start.
 */
function captureStream(name, fallback, destination) {
  const { get, ...rest } = Object.getOwnPropertyDescriptor(process, name);
  let captured;
  Object.defineProperty(process, name, {
    ...rest,
    get() {
      const stream = get.call(this);
      if (stream !== captured) capture(stream, fallback, destination);
      captured = stream;
      return stream;
    },
  });
}

function capture(stream, fallback, destination) {
  stream.write = (chunk, encoding, callback) => {
    const done = typeof encoding === 'function' ? encoding : callback;
    const flags = destination | (level ? LEVELS[level] | IS_ONE : LEVELS[fallback]);
    emit(chunk, typeof encoding === 'string' ? encoding : undefined, flags);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
}

function captureOutput() {
  captureStream('stdout', 'info', 0);
  captureStream('stderr', 'error', TO_STDERR);
  for (const method of Object.keys(console)) {
    const original = console[method];
    if (typeof original !== 'function') continue;
    const name = BY_METHOD[method] ?? 'info';
    console[method] = {
      [method](...args) {
        const outer = level;
        level = outer ?? name;
        try {
          return original.apply(this, args);
        } finally {
          level = outer;
        }
      },
    }[method];
  }
}

module.exports = { captureOutput };
