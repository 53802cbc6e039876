// What the app prints, with its level, on a pipe of its own. Writing is synchronous: a line
// printed just before an endless loop or a crash is seen.
'use strict';
const fs = require('node:fs');

const FD = 4;
const LEVELS = { debug: 0, info: 1, warn: 2, error: 3 };
const BY_METHOD = { debug: 'debug', warn: 'warn', error: 'error', trace: 'warn', assert: 'error' };
const LONGEST = 64 * 1024;

let level;

/** One function for each stream, which emits a line that has no end yet. */
const finishing = [];

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

function emit(name, text) {
  const size = Buffer.byteLength(text);
  const record = Buffer.allocUnsafe(5 + size);
  record.writeUInt32LE(1 + size, 0);
  record[4] = LEVELS[name];
  record.utf8Write(text, 5);
  writeAll(record);
}

/** Replaces a stream's `write`: whole lines become records, the rest waits for its end. */
function captureStream(stream, fallback) {
  let waiting = '';
  const finish = () => {
    if (waiting) emit(fallback, waiting);
    waiting = '';
  };
  stream.write = (chunk, encoding, callback) => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    if (level && text.endsWith('\n')) {
      emit(level, text.slice(0, -1));
    } else {
      waiting += text;
      const cut = waiting.lastIndexOf('\n');
      if (cut >= 0) {
        emit(fallback, waiting.slice(0, cut));
        waiting = waiting.slice(cut + 1);
      } else if (waiting.length > LONGEST) {
        finish();
      }
    }
    const done = typeof encoding === 'function' ? encoding : callback;
    if (done) process.nextTick(done);
    return true;
  };
  finishing.push(finish);
}

/** Emits the lines that have no end yet: the process is about to. */
function finishOutput() {
  for (const finish of finishing) finish();
}

function captureOutput() {
  captureStream(process.stdout, 'info');
  captureStream(process.stderr, 'error');
  process.on('exit', finishOutput);
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

module.exports = { captureOutput, finishOutput };
