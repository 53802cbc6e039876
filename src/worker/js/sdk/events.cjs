// `events`: publish and subscribe inside the app.
'use strict';
const { inspect } = require('node:util');
const { aftermath, hint, register } = require('../runtime.cjs');
const { keep, receive } = require('./published.cjs');
const { DEFAULT_MS, MOST_MS, timeoutOf } = require('./timeout.cjs');

const LARGEST = 262144;
const TEN_YEARS_MS = 10 * 365 * 86400 * 1000;
const YEAR_MS = 365 * 86400 * 1000;
const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';
const UNITS = ['second', 'minute', 'hour', 'day', 'week', 'month', 'year'];

/** What is registered, by an event's target: `{ handlers, timeout, invocationType }`. */
const listeners = new Map();
/** What is wrong with registrations. */
const errors = [];

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

/** When an event with this `after` is due, in epoch milliseconds; NaN if it says no time. */
function dueTime(after, now) {
  if (!after) return now;
  if (after instanceof Date) return after.getTime();
  if (typeof after === 'number') return new Date(Math.abs(after) <= TEN_YEARS_MS ? now + after : after).getTime();
  const absolute = Date.parse(after);
  if (!Number.isNaN(absolute)) return absolute;
  if (typeof after !== 'string') return NaN;
  const [count, word] = after.toLowerCase().split(' ');
  const unit = UNITS.find((name) => word === name || word === `${name}s`);
  return unit === undefined ? NaN : addUnits(now, Number.parseInt(count, 10), unit);
}

const targetOf = (name) => `event:${name.includes(':') ? name : `custom:${name}`}`;

/** Publishes an event; resolves once the sandbox has it on disk. */
async function publish(name, config, body) {
  // As in the published package: a falsy body gives way to the config.
  if (!body) {
    body = config;
    config = undefined;
  }
  if (!body) throw new Error('Missing body for event');
  const full = targetOf(name).slice('event:'.length);
  const time = Date.now();
  const due = Math.max(time, dueTime(config?.after, time));
  if (Number.isNaN(due)) {
    throw hint(new Error('Invalid delivery time'), `write \`"5 minutes"\`, milliseconds or a date, not ${inspect(config.after)}`);
  }
  const delay = due - time;
  if (delay > YEAR_MS) throw new Error('Event delivery must be within one year');
  const event = { id: idFor(due), name: full, body, time, delay };
  if (JSON.stringify(event).length > LARGEST) throw new Error('Event body is too large');
  const operation = aftermath.start('`events.publish`', publish);
  const refusal = await keep(event);
  aftermath.finish(operation);
  if (refusal !== undefined) throw new Error(refusal);
  return { id: event.id, time, delay };
}

/** Subscribes to an event; each of several handlers gets it. */
function on(name, ...args) {
  const [config, handler] = args[1] ? args : [{}, args[0]];
  const target = targetOf(name);
  const known = listeners.get(target);
  if (typeof handler !== 'function') {
    if (known) return null;
    throw new Error(`No handler found for event: ${target}`);
  }
  const invocationType = config.invocationType || 'event';
  if (config.timeout > MOST_MS) errors.push(`Maximum timeout for event handlers is ${MOST_MS} ms`);
  const listener = known ?? { handlers: [], timeout: 0, invocationType };
  listener.handlers.push(handler);
  listener.timeout = Math.max(listener.timeout, timeoutOf(config, true));
  listeners.set(target, listener);
  register({ event: target, timeout: listener.timeout });
  return null;
}

/** Runs all handlers of a target. */
function run(target, told, context) {
  const event = { ...told, name: told.name?.replace(/^custom:/, '') };
  return Promise.all((listeners.get(target)?.handlers ?? []).map((handler) => handler(event, context)));
}

receive((event, context) => run(event.target, event, context));

/** What is registered, as Ampt's builds ask for it. */
function getConfig() {
  const describe = ([id, { timeout, invocationType }]) => ({
    id,
    name: id,
    timeout: Math.max(DEFAULT_MS, timeout),
    invocationType,
  });
  return { events: [...listeners].map(describe), errors: [...errors] };
}

/** For each target a function that runs its handlers. */
function getHandlers() {
  const runner = (target) => async (event, context) => run(target, event, context);
  return Object.fromEntries([...listeners.keys()].map((target) => [target, runner(target)]));
}

const events = { publish, on, getHandlers, getConfig };

module.exports = { events };
