'use strict';
// `@ampt/data` for the app's code: one instance per process, for ESM and CommonJS alike.

const { createData } = require('./data.cjs');
const { decodeChange } = require('./on.cjs');

const HOST = Symbol.for('ampt-ws.host');
let made;

/** The process's own `data` and `Data`, over the host that was there before any of the app's code. */
function instance() {
  made ??= createData(globalThis[HOST]);
  return made;
}

module.exports = {
  createData,
  decodeChange,
  get data() { return instance().data; },
  get default() { return instance().data; },
  get Data() { return instance().Data; },
};
