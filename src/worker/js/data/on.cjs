'use strict';
// `data.on`: which changes an app wants to hear of, and what its handlers are given.

const { changedItem } = require('./shapes.cjs');

const NAMES = ['created', 'updated', 'deleted'];
const DEFAULT_TIMEOUT = 5000;
const MAX_TIMEOUT = 60000;

/** Registers a handler with the host; throws at once for an unknown event name. */
function register(host, specifier, config, handler) {
  if (typeof config === 'function') {
    handler = config;
    config = undefined;
  }
  const specs = Array.isArray(specifier) ? specifier : [specifier];
  const names = new Set();
  for (const spec of specs) {
    const [name] = spec.split(':', 1);
    if (name !== '*' && !NAMES.includes(name)) throw new Error(`Invalid event name: ${name}`);
    for (const each of name === '*' ? NAMES : [name]) names.add(each);
  }
  if (specs.length === 0) return;
  const timeout = Math.min(config?.timeout ?? DEFAULT_TIMEOUT, MAX_TIMEOUT);
  host.register({ kind: 'data', names: [...names], specs, timeout, handler });
}

/** What a handler is given, from the payload of a delivery. */
function decodeChange(payload) {
  const [name, item, previous] = JSON.parse(payload.toString());
  return { name, item: changedItem(item), previous: previous === null ? undefined : changedItem(previous) };
}

module.exports = { register, decodeChange };
