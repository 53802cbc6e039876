'use strict';
// The loader channel: synchronous calls to the emulator over an inherited socket.
//
// Request: u32 LE length, JSON. Reply: u32 LE length of the rest, u32 LE length of the JSON part,
// JSON, raw text. One request at a time: the lock is shared by all threads that use the socket
// (on Node 20 the module hooks have a thread of their own).

const fs = require('node:fs');

/** How many paths may wait before they are sent. */
const BATCH = 64;

class Channel {
  #fd;
  #lock;
  #buffer = Buffer.allocUnsafeSlow(64 * 1024);
  #paths = [];
  #reported = new Set();
  #scheduled = false;

  /**
   * @param {number} fd the socket, in blocking mode
   * @param {Int32Array} lock one cell of shared memory, 0 when free
   */
  constructor(fd, lock) {
    this.#fd = fd;
    this.#lock = lock;
  }

  /** Asks, and waits for the answer: its JSON part, with the raw part as `text`. */
  call(request) {
    this.#acquire();
    try {
      this.#sendPaths();
      this.#write(request);
      return this.#read();
    } finally {
      this.#release();
    }
  }

  /** Reports a file that was loaded without the emulator's help: soon, and only once. */
  report(path) {
    if (this.#reported.has(path)) return;
    this.#reported.add(path);
    this.#paths.push(path);
    if (this.#paths.length >= BATCH) {
      this.flush();
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.flush();
      }).unref?.();
    }
  }

  /** Sends what waits. */
  flush() {
    if (this.#paths.length === 0) return;
    this.#acquire();
    try {
      this.#sendPaths();
    } finally {
      this.#release();
    }
  }

  #sendPaths() {
    if (this.#paths.length === 0) return;
    const paths = this.#paths;
    this.#paths = [];
    this.#write({ op: 'loaded', paths });
  }

  #write(request) {
    const json = JSON.stringify(request);
    const length = Buffer.byteLength(json);
    const frame = Buffer.allocUnsafe(4 + length);
    frame.writeUInt32LE(length, 0);
    frame.write(json, 4);
    for (let at = 0; at < frame.length; ) at += fs.writeSync(this.#fd, frame, at);
  }

  #read() {
    let got = this.#fill(0, 4);
    const end = 4 + this.#buffer.readUInt32LE(0);
    if (end > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(end);
      this.#buffer.copy(larger, 0, 0, got);
      this.#buffer = larger;
    }
    this.#fill(got, end);
    const head = 8 + this.#buffer.readUInt32LE(4);
    const reply = JSON.parse(this.#buffer.utf8Slice(8, head));
    if (end > head) reply.text = this.#buffer.utf8Slice(head, end);
    return reply;
  }

  /** Reads until the buffer holds `wanted` bytes, `got` of which it has; says how many it has. */
  #fill(got, wanted) {
    while (got < wanted) {
      const count = fs.readSync(this.#fd, this.#buffer, got, this.#buffer.length - got);
      if (count === 0) throw new Error('the emulator has closed the loader channel');
      got += count;
    }
    return got;
  }

  #acquire() {
    while (Atomics.compareExchange(this.#lock, 0, 0, 1) !== 0) Atomics.wait(this.#lock, 0, 1);
  }

  #release() {
    Atomics.store(this.#lock, 0, 0);
    Atomics.notify(this.#lock, 0, 1);
  }
}

module.exports = { Channel };
