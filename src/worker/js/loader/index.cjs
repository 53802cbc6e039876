'use strict';
// Loads the user's app: module hooks, the entry, and errors in the user's own terms.

const Module = require('node:module');
const { pathToFileURL } = require('node:url');

const { Channel } = require('./channel.cjs');
const { Errors } = require('./errors.cjs');
const { installRequireLoading, installRequireResolution } = require('./require-hooks.cjs');
const { Rules, problemError } = require('./rules.cjs');
const { Stacks } = require('./stacks.cjs');
const { quietWarnings } = require('./warnings.cjs');

const hasSyncHooks = typeof Module.registerHooks === 'function';

let state;

/**
 * Installs the hooks; once, before any of the user's code.
 *
 * @param {object} options
 * @param {string} options.appDir the app's folder, absolute and without symbolic links
 * @param {string} options.runtimeDir the folder of our own JavaScript, likewise
 * @param {'embedded'|'installed'} [options.sdk] whose `@ampt/sdk` the app gets
 * @param {number} [options.fd] the loader channel
 */
function install({ appDir, runtimeDir, sdk = 'embedded', fd = 5 }) {
  const lock = new SharedArrayBuffer(4);
  const channel = new Channel(fd, new Int32Array(lock));
  const rules = new Rules({ runtimeDir, sdk }, channel);
  const stacks = new Stacks(rules);
  let registered = false;
  const registerThread = () => {
    if (registered || hasSyncHooks) return;
    registered = true;
    const data = { fd, lock, runtimeDir, sdk };
    Module.register(pathToFileURL(`${__dirname}/thread.mjs`), { data });
  };
  quietWarnings();
  installRequireResolution(rules);
  if (hasSyncHooks) require('./sync-hooks.cjs').installSyncHooks(rules);
  else installRequireLoading(rules, registerThread);
  stacks.install();
  process.on('exit', () => channel.flush());
  state = { channel, registerThread };
  errors.use(new Errors({ appDir, channel, rules, stacks }));
}

/**
 * Does now what the first `import` would have to do: for a spare worker, which has the time. On
 * Node 20 this starts the thread of the module hooks.
 */
async function warm() {
  state.registerThread();
  await import('data:text/javascript,');
}

/**
 * Loads the app. Rejects with what the app threw or what is wrong with its files:
 * `errors.describe` explains it.
 *
 * @param {string} file the entry's absolute path
 */
async function loadEntry(file) {
  const reply = state.channel.call({ op: 'format', path: file });
  if (reply.problem) throw problemError(reply.problem);
  if (reply.module || reply.imports) state.registerThread();
  if (reply.module) await import(pathToFileURL(file).href);
  else Module._load(file, null, false);
}

/** Usable from the start; before `install` it knows no source maps. */
const errors = {
  use(real) {
    this.describe = (error, options) => real.describe(error, options);
    this.callSite = (skip) => real.callSite(skip);
  },
  describe: (error) => ({ name: 'Error', message: String(error), stack: '' }),
  callSite: () => undefined,
};

module.exports = { errors, install, loadEntry, warm };
