// Notices work that goes on after a handler has returned. In the cloud the process is frozen then:
// a send or a write that nobody waited for is lost now and then, and only there.
//
// An operation counts as unfinished until the event loop has turned, or its reply has come. A
// handler that waited for it cannot have returned before. Looking at each operation would cost a
// stack trace each, so under load only some are looked at: a place in the code that does not wait
// shows soon enough. Whoever wants errors (`--strict`) has them all looked at.
'use strict';
// Not the global one, which an app may replace by one of its own (fake timers do).
const { setImmediate } = require('node:timers');
const { sampler } = require('./sampler.cjs');

/** Handlers that run, HTTP requests and the load of the app included. */
let running = 0;
/** Whether a handler has run: what the app's top level does before that is no leftover. */
let began = false;
/** The invocation whose synchronous part runs now. */
let current;

/** Operations that are looked at and not finished: `{ what, invocation, trace, resolve }`. */
const open = new Set();
/** Those of them that finish with the next turn. */
let turning = [];

/** What is to be done about leftovers: `report(what, trace, isOutside)`. */
let report = () => {};

/** Whether every operation is looked at, whatever it costs. */
let always = false;

const isSample = sampler();

/** Something with an end begins: a handler, a request, the load. */
function begin() {
  running++;
}

/**
 * It has ended. Gives the operations that it has left unfinished, if it has.
 *
 * @param {number} [invocation] its number, if it has one
 */
function end(invocation) {
  running--;
  began = true;
  if (open.size === 0) return undefined;
  let leftovers;
  for (const operation of open) {
    // Where it is not known whose an operation is, it is nobody's once nothing runs.
    if (running === 0 || (invocation !== undefined && operation.invocation === invocation)) {
      open.delete(operation);
      (leftovers ??= []).push(operation);
    }
  }
  return leftovers;
}

/** The load has ended: what the top level has left running is its own affair. */
function endLoad() {
  running--;
  open.clear();
}

/** The synchronous part of an invocation begins, or (without a number) is over. */
function enter(invocation) {
  current = invocation;
}

/**
 * An operation starts; what it returns is for `finish`.
 *
 * @param {string} what the operation, as it is named in a message
 * @param {Function} above the function of ours that the user called
 */
function start(what, above) {
  if (!always && !isSample()) return undefined;
  if (running === 0 && !began) return undefined;
  const trace = new Error();
  Error.captureStackTrace(trace, above);
  const operation = { what, invocation: current, trace, resolve: undefined };
  if (running === 0) {
    report([operation], true);
    return undefined;
  }
  open.add(operation);
  return operation;
}

/** An operation is finished. */
function finish(operation) {
  if (operation !== undefined) open.delete(operation);
}

function turn() {
  const all = turning;
  turning = [];
  for (const operation of all) {
    open.delete(operation);
    operation.resolve();
  }
}

/** Resolves with the next turn of the event loop, when the operation is finished. */
function turned(operation) {
  return new Promise((resolve) => {
    operation.resolve = resolve;
    if (turning.push(operation) === 1) setImmediate(turn);
  });
}

module.exports = {
  begin,
  end,
  endLoad,
  enter,
  finish,
  start,
  turned,
  onLeftovers: (listener, isStrict) => {
    report = listener;
    always = isStrict;
  },
};
