// Connects the link, prepares everything that does not depend on the user's code, says hello, and
// waits to be told what to load.
'use strict';
const fs = require('node:fs');
const { captureOutput } = require('./output.cjs');
captureOutput();

const link = require('./link.cjs');
const runtime = require('./runtime.cjs');
const loader = require('./loader/index.cjs');
const guard = require('./guard.cjs');

const HELLO = 1;
const LOADED = 2;
const LOAD_FAILED = 3;
const LOAD = 7;

const WARM_AFTER_MS = 30;

let prepared;
let loading = false;

link.handlers[LOAD] = (bytes, start, end) => load(JSON.parse(bytes.utf8Slice(start, end)));

async function load({ entry, variables }) {
  loading = true;
  try {
    await prepared;
    // What was said so far must be out before code that may never give back control.
    link.flush();
    for (const [name, value] of Object.entries(variables)) process.env[name] ??= value;
    // As in the cloud, so that a date looks here as it will there.
    process.env.TZ ??= 'UTC';
    require('./sdk/params.cjs').declare(variables);
    guard.loading(true);
    runtime.aftermath.begin();
    await loader.loadEntry(entry);
    await require('./sdk/http.cjs').listening();
    guard.loading(false);
    runtime.aftermath.endLoad();
    link.sendBare(LOADED, '');
  } catch (error) {
    guard.loading(false);
    link.sendBare(LOAD_FAILED, JSON.stringify(runtime.describe(error)));
  }
}

async function prepare() {
  loader.install({ runtimeDir: __dirname, ...runtime.config.loader });
  require(runtime.config.loader.sdk === 'installed' ? './sdk/installed.cjs' : './sdk/index.cjs');
}

function warm() {
  void process.stdout;
  void process.stderr;
  require('./data/index.cjs');
  require('node:http');
  loader.warm();
}

/**
 * A spare worker has the time to do what the app's first imports would have to do. The first worker
 * of a run is told to load before this comes, or else our files may not all be there yet.
 */
function warmUnlessFirst() {
  if (!loading && fs.existsSync(`${__dirname}/whole`)) warm();
}

link.open();
guard.install(link, runtime);
prepared = prepare();
prepared.then(
  () => {
    link.sendBare(HELLO, JSON.stringify({ node: process.version }));
    setTimeout(warmUnlessFirst, WARM_AFTER_MS).unref();
  },
  () => {}, // told by `load`
);
