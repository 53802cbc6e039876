'use strict';
// `@ampt/data` for CommonJS. As in the published package, ES modules have an instance of their own.

const { createData } = require('./data.cjs');

let made;

/** Made when it is first used: this file is loaded before the app's settings are known. */
function instance() {
  made ??= createData();
  return made;
}

module.exports = {
  get data() { return instance().data; },
  get default() { return instance().data; },
  get Data() { return instance().Data; },
};
// What a default import compiles to looks for this.
Object.defineProperty(module.exports, '__esModule', { value: true });
