'use strict';
// Loads the user's app: module hooks, the entry, and errors in the user's own terms.

const Module = require('node:module');
const path = require('node:path');
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
  const real = new Errors({ appDir, channel, rules, stacks });
  state = { channel, embeddedSdk: sdk !== 'installed', errors: real, registerThread };
  errors.use(real);
}

/**
 * Does now what the first `import` would have to do: for a spare worker, which has the time.
 */
async function warm() {
  if (state.channel.call({ op: 'spare' }).thread) state.registerThread();
  await import(pathToFileURL(`${__dirname}/warm/index.mjs`));
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
  if (!reply.module) {
    if (reply.imports) state.registerThread();
    Module._load(file, null, false);
    return;
  }
  if (!hasSyncHooks && process.features.require_module) {
    const plan = state.channel.call({ op: 'prelink', path: file, embeddedSdk: state.embeddedSdk });
    if (plan.steps) {
      if (plan.imports) state.registerThread();
      await runSteps(plan);
      return;
    }
  }
  state.registerThread();
  await import(pathToFileURL(file).href);
}

/** Loads ES modules without the thread of the module hooks: see `src/worker/loader/prelink.rs`. */
async function runSteps({ steps, text = '' }) {
  let at = 0;
  for (const { path: file, length, isOurs } of steps) {
    const module = new Module(file, null);
    module.filename = file;
    module.paths = Module._nodeModulePaths(path.dirname(file));
    try {
      module._compile(text.slice(at, at + length), file, 'module');
    } catch (error) {
      if (error?.code !== 'ERR_REQUIRE_ASYNC_MODULE') {
        state.errors.noteLoading(error, file);
        throw error;
      }
      // Something in it waits at its top level. Node has it ready now: an `import` runs it.
      if (!isOurs) await import(pathToFileURL(file).href);
    }
    at += length;
  }
}

/** Usable from the start; before `install` it knows no source maps. */
const errors = {
  use(real) {
    this.describe = (error, options) => real.describe(error, options);
    this.callSite = (skip) => real.callSite(skip);
    this.latest = (stack) => real.latest(stack);
  },
  describe: (error) => ({ name: 'Error', message: String(error), stack: '' }),
  callSite: () => undefined,
  latest: () => undefined,
};

module.exports = { errors, install, loadEntry, warm };
