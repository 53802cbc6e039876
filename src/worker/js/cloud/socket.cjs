// Two ends of a connection inside this process.
'use strict';
const { Duplex } = require('node:stream');

/** One end: what is written to it is read from the other one. */
class End extends Duplex {
  other;
  #resume;

  _read() {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  _write(chunk, encoding, done) {
    if (this.other.push(chunk)) done();
    else this.other.#resume = done;
  }

  _final(done) {
    this.other.push(null);
    done();
  }

  _destroy(error, done) {
    if (!this.other.destroyed) this.other.destroy();
    done(error);
  }
}

// What HTTP clients ask of a socket, and what means nothing here.
for (const name of ['ref', 'unref', 'setKeepAlive', 'setNoDelay', 'setTimeout']) {
  End.prototype[name] = function () {
    return this;
  };
}

/** Both ends of a new connection. */
function connect() {
  const ends = [new End(), new End()];
  ends[0].other = ends[1];
  ends[1].other = ends[0];
  return ends;
}

module.exports = { connect };
