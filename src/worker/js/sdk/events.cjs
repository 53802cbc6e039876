// `events`: publish and subscribe inside the app. Deliveries are made by the sandbox, on its
// clock; it keeps events on disk until their handlers have finished.
'use strict';
const { inspect } = require('node:util');
const link = require('../link.cjs');
const { aftermath, hint, invoke, register, request } = require('../runtime.cjs');
const { timeoutOf } = require('./timeout.cjs');

const OP_PUBLISH = 64;
const EVENT = 11;
const LARGEST = 262144;
const TEN_YEARS_MS = 10 * 365 * 86400 * 1000;
const YEAR_MS = 365 * 86400 * 1000;
const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';
const UNITS = ['second', 'minute', 'hour', 'day', 'week', 'month', 'year'];

const listeners = new Map();

/** A lower-case ULID of a time, and a 0. */
function idFor(time) {
  let stamp = '';
  for (let rest = time; stamp.length < 10; rest = Math.floor(rest / 32)) stamp = CROCKFORD[rest % 32] + stamp;
  const random = [...require('node:crypto').randomBytes(16)].map((byte) => CROCKFORD[byte % 32]).join('');
  return `${stamp}${random}0`;
}

/** Adds `count` units to a time, by the calendar in UTC: 31 January and a month is 28 February. */
function addUnits(now, count, unit) {
  const date = new Date(now);
  const fixed = { second: 1e3, minute: 6e4, hour: 36e5, day: 864e5, week: 6048e5 }[unit];
  if (fixed) return now + count * fixed;
  const day = date.getUTCDate();
  const months = unit === 'year' ? count * 12 : count;
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + months);
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, last));
  return date.getTime();
}

/** When an event with this `after` is due, in epoch milliseconds, and whether that counts from now. */
function dueTime(after, now) {
  if (!after) return [now, true];
  if (typeof after === 'number') return Math.abs(after) <= TEN_YEARS_MS ? [now + after, true] : [after, false];
  if (after instanceof Date) return [after.getTime(), false];
  const absolute = Date.parse(after);
  if (!Number.isNaN(absolute)) return [absolute, false];
  const [, count, word] = /^\s*([+-]?\d+)(?:\.\d+)?\s+([a-z]+?)s?\s*$/i.exec(String(after)) ?? [];
  const unit = word?.toLowerCase();
  if (!UNITS.includes(unit)) throw hint(new Error('Invalid delivery time'), `write \`"5 minutes"\`, milliseconds or a date, not ${inspect(after)}`);
  return [addUnits(now, Number(count), unit), true];
}

/** Publishes an event; resolves once the sandbox has it on disk. */
async function publish(name, config, body) {
  // As in the published package: a falsy body gives way to the config.
  if (!body) {
    body = config;
    config = undefined;
  }
  if (!body) throw new Error('Missing body for event');
  const now = Date.now();
  const [due, isRelative] = dueTime(config?.after, now);
  const time = Math.max(now, due);
  if (!(time - now <= YEAR_MS)) throw new Error('Event delivery must be within one year');
  const full = name.includes(':') ? name : `custom:${name}`;
  const event = { id: idFor(time), name: full, body, time, delay: time - now };
  if (JSON.stringify(event).length > LARGEST) throw new Error('Event body is too large');
  // The sandbox's clock may be ahead of this process's.
  const text = JSON.stringify(isRelative ? { ...event, after: event.delay } : event);
  const operation = aftermath.start('`events.publish`', publish);
  const refusal = await new Promise((resolve) => {
    request(OP_PUBLISH, text, (refused, why) => resolve(refused ? String(why) : undefined));
  });
  aftermath.finish(operation);
  if (refusal !== undefined) throw new Error(refusal);
  return { id: event.id, time, delay: event.delay };
}

/** Subscribes to an event; each of several handlers gets it. */
function on(name, config, handler) {
  if (typeof config === 'function') {
    handler = config;
    config = undefined;
  }
  const full = name.includes(':') ? name : `custom:${name}`;
  if (typeof handler !== 'function') {
    if (listeners.has(full)) return null;
    throw new Error(`No handler found for event: event:${full}`);
  }
  const timeout = timeoutOf(config, true);
  listeners.set(full, [...(listeners.get(full) ?? []), { handler, timeout }]);
  const longest = Math.max(...listeners.get(full).map((l) => l.timeout));
  register({ event: `event:${full}`, timeout: longest });
  return null;
}

link.handlers[EVENT] = (bytes, start, end) => {
  const invocation = bytes.readUInt32LE(start);
  const { id, name, body, time, delay } = JSON.parse(bytes.utf8Slice(start + 4, end));
  const shown = name.replace(/^custom:/, '');
  const event = { target: `event:${name}`, id, name: shown, body, time, delay, attempt: 1 };
  const context = { setTimeout() {} };
  const run = () => Promise.all((listeners.get(name) ?? []).map(({ handler }) => handler(event, context)));
  invoke(invocation, run);
};

const events = {
  publish,
  on,
  getHandlers: () => Object.fromEntries([...listeners].map(([name, all]) => [name, all.map((l) => l.handler)])),
  getConfig: () => Object.fromEntries([...listeners].map(([name, all]) => [name, { timeout: all.at(-1).timeout }])),
};

module.exports = { events };
