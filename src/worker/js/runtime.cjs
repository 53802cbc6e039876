// Invocations, the mirror of live connections, and calls to the sandbox: what the SDK and the
// data package stand on.
'use strict';
const aftermath = require('./aftermath.cjs');
const link = require('./link.cjs');
const { errors } = require('./loader/index.cjs');
const { sampler } = require('./sampler.cjs');

const OPENED = 1;
const GONE = 2;
const REPLY = 6;
const PING = 8;
const STOP = 9;
const SLOW = 13;
const FAST = 14;

const REGISTER = 4;
const DONE = 5;
const FAILED = 6;
const PONG = 9;
const NOTICE = 10;

const config = JSON.parse(process.env.AMPT_WS_WORKER ?? '{}');
delete process.env.AMPT_WS_WORKER;

// ---- the mirror ----

/** Live connections by their number and by their id: `{id, handle, slow}`. */
const byHandle = new Map();
const byId = new Map();

link.handlers[OPENED] = (bytes, start, end) => {
  const entry = { id: bytes.latin1Slice(start + 4, end), handle: bytes.readUInt32LE(start), slow: false };
  byHandle.set(entry.handle, entry);
  byId.set(entry.id, entry);
};

link.handlers[GONE] = (bytes, start) => {
  const entry = byHandle.get(bytes.readUInt32LE(start));
  if (!entry) return;
  byHandle.delete(entry.handle);
  byId.delete(entry.id);
};

const setSlow = (slow) => (bytes, start) => {
  const entry = byHandle.get(bytes.readUInt32LE(start));
  if (entry) entry.slow = slow;
};
link.handlers[SLOW] = setSlow(true);
link.handlers[FAST] = setSlow(false);

// ---- calls ----

const calls = new Map();
let lastCall = 0;

/** Asks the sandbox for something; `reply(status, bytes)` gets bytes that it must not keep. */
function request(op, payload, reply) {
  lastCall = (lastCall + 1) >>> 0;
  calls.set(lastCall, reply);
  link.sendCall(lastCall, op, payload);
}

link.handlers[REPLY] = (bytes, start, end) => {
  const number = bytes.readUInt32LE(start);
  const reply = calls.get(number);
  if (!reply) return;
  calls.delete(number);
  reply(bytes[start + 4], bytes.subarray(start + 5, end));
};

link.handlers[PING] = (bytes, start) => link.sendNumber(PONG, bytes.readUInt32LE(start));
link.handlers[STOP] = () => {
  link.flushAll();
  // With the whole group: nothing that the app started is to outlive it.
  process.kill(0, 'SIGKILL');
};

// ---- invocations ----

function fail(invocation, error) {
  aftermath.end(invocation);
  link.sendText(FAILED, invocation, JSON.stringify(describe(error)));
}

function done(invocation) {
  const leftovers = aftermath.end(invocation);
  if (leftovers === undefined) {
    link.sendNumber(DONE, invocation);
  } else if (config.strict) {
    link.sendText(FAILED, invocation, JSON.stringify(describe(leftoverError(leftovers[0]))));
  } else {
    reportLeftovers(leftovers);
    link.sendNumber(DONE, invocation);
  }
}

/** Runs a handler as an invocation and tells how it ended. */
function invoke(invocation, run, first, second) {
  let result;
  aftermath.begin();
  aftermath.enter(invocation);
  try {
    result = run(first, second);
  } catch (error) {
    fail(invocation, error);
    return;
  } finally {
    aftermath.enter(undefined);
  }
  if (result !== null && typeof result === 'object' && typeof result.then === 'function') {
    result.then(
      () => done(invocation),
      (error) => fail(invocation, error),
    );
  } else {
    done(invocation);
  }
}

const CHANGE = 10;

/** Handlers of `data.on`, by the numbers under which the sandbox knows them. */
const listeners = [];

/** Tells the sandbox that the app handles an event. */
function register({ kind, handler, ...registration }) {
  if (kind === 'data') {
    listeners.push(handler);
    registration.event = 'data';
  }
  link.sendBare(REGISTER, JSON.stringify(registration));
}

link.handlers[CHANGE] = (bytes, start, end) => {
  const invocation = bytes.readUInt32LE(start);
  const count = bytes.readUInt32LE(start + 4);
  const wanted = Array.from({ length: count }, (_, i) => listeners[bytes.readUInt32LE(start + 8 + i * 4)]);
  const { decodeChange } = require('./data/on.cjs');
  const change = decodeChange(bytes.subarray(start + 8 + count * 4, end));
  // All are started in their order; one that throws at once keeps the later ones from starting.
  invoke(invocation, () => Promise.all(wanted.map((handler) => handler(change))));
};

// ---- errors and warnings ----

function describe(error) {
  const described = errors.describe(error);
  if (hints.has(error)) described.hint = hints.get(error);
  // The stack of a reply begins where somebody awaited the call, which may be far from where it was made.
  const call = replies.get(error) ?? (described.file === undefined ? callers.get(error) : undefined);
  if (call === undefined) return described;
  // Only calls of the data package are traced; an error without frames did not show that it is one.
  if (described.file === undefined) {
    described.hint ??= require('./loader/data-hints.cjs').dataHint(described.message);
  }
  const { file, path, line, column, codeFrame, stack } = errors.describe(call);
  if (file === undefined) return described;
  const [, ...frames] = stack.split('\n');
  const whole = [`${described.name}: ${described.message}`, ...frames].join('\n');
  return Object.assign(described, { file, path, line, column, codeFrame, stack: whole });
}

const hints = new WeakMap();
/** Errors that came of a call, with a trace of the call. */
const callers = new WeakMap();
/** Those of them that were made of the reply to it. */
const replies = new WeakMap();
const isTraced = sampler();

/** Where a call that may fail later was made, as an error's stack; undefined if too many are made. */
function trace(above) {
  if (!isTraced()) return undefined;
  const call = new Error();
  Error.captureStackTrace(call, above);
  return call;
}

/**
 * Gives an error the trace of the call of which it came, for where its own stack does not reach; a
 * reply to the call is always shown there.
 */
function calledAt(error, call, isReply = false) {
  if (call !== undefined) (isReply ? replies : callers).set(error, call);
  return error;
}

/** Gives an error a line that says what to do; it is shown in the log, not in the message. */
function hint(error, text) {
  if (error !== null && typeof error === 'object') hints.set(error, text);
  return error;
}

const warned = new Set();

/** Prints a warning, once for each place in the user's code. */
function warnOnce(code, text, place = errors.callSite()) {
  const key = `${code} ${place?.file}:${place?.line}:${place?.column}`;
  if (warned.has(key)) return;
  warned.add(key);
  link.sendBare(NOTICE, JSON.stringify({ level: 'warn', title: text, place }));
}

// ---- work that goes on after a return ----

/** The error that stands for an operation which nobody waited for, with the place in the user's code. */
function leftoverError({ what, trace }, isOutside) {
  trace.name = 'WorkAfterReturnError';
  trace.message = isOutside
    ? `${what} was called while no handler was running, from a timer or after its handler had returned`
    : `${what} was not finished when its handler returned`;
  return hint(trace, 'in the cloud such work is lost now and then: `await` it, or return it, before the handler ends');
}

/** Warns of operations that nobody waited for; with `--strict` they are errors. */
function reportLeftovers(leftovers, isOutside) {
  for (const operation of leftovers) {
    const error = describe(leftoverError(operation, isOutside));
    if (config.strict) {
      link.sendBare(NOTICE, JSON.stringify({ level: 'error', title: 'work after return', error }));
    } else {
      const place = error.line === undefined ? undefined : error;
      warnOnce(`leftover ${operation.what}`, `${error.message}; ${error.hint}`, place && pick(place));
    }
  }
}

const pick = ({ file, line, column }) => ({ file, line, column });

aftermath.onLeftovers(reportLeftovers, Boolean(config.strict));

module.exports = {
  aftermath,
  config,
  byHandle,
  byId,
  request,
  invoke,
  register,
  describe,
  reportLeftovers,
  hint,
  trace,
  calledAt,
  warnOnce,
  callSite: (skip) => errors.callSite(skip),
  errorOf: (stack) => errors.latest(stack),
  handlers: link.handlers,
};

globalThis[Symbol.for('ampt-ws.host')] = module.exports;
