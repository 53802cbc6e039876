// The worker's first file: connects the link, prepares everything that does not depend on the
// user's code, says hello, and waits to be told what to load.
'use strict';
const { captureOutput } = require('./output.cjs');
captureOutput();

const link = require('./link.cjs');
const runtime = require('./runtime.cjs');
const loader = require('./loader');
const guard = require('./guard.cjs');

const LOADED = 2;
const LOAD_FAILED = 3;
const HELLO = 1;
const LOAD = 7;

let prepared;

link.handlers[LOAD] = (bytes, start, end) => {
  const { entry } = JSON.parse(bytes.utf8Slice(start, end));
  load(entry);
};

async function load(entry) {
  try {
    await prepared;
    guard.loading(true);
    if (entry) await loader.loadEntry(entry);
    guard.loading(false);
    link.sendBare(LOADED, '');
  } catch (error) {
    guard.loading(false);
    link.sendBare(LOAD_FAILED, JSON.stringify(runtime.describe(error)));
  }
}

link.open();
guard.install(link, runtime);
prepared = Promise.resolve(loader.install({ runtimeDir: __dirname, ...runtime.config.loader }));
prepared.then(
  () => link.sendBare(HELLO, JSON.stringify({ node: process.version })),
  (error) => link.sendBare(LOAD_FAILED, JSON.stringify(runtime.describe(error))),
);
require('./sdk/index.cjs');
require('./data/index.cjs');
