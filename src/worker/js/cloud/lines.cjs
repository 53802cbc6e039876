// What the published `@ampt/sdk` writes for Ampt's log: lines of JSON, which nobody reads here. They
// are told as what they are, with their place in the app.
'use strict';
const link = require('../link.cjs');
const { describe, errorOf, warnOnce } = require('../runtime.cjs');
const { tell } = require('../sdk/http.cjs');

const NOTICE = 10;
const WARNING = 40;
const HANDLER_FAILED = 'HTTP handler failed';

/** The object in a line that begins so, if it is one. */
function read(line, start) {
  if (typeof line !== 'string' || !line.startsWith(start)) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The error behind what was written of it. */
function thrown({ name, message, stack, code }) {
  const error = Object.assign(new Error(message), { name, stack });
  if (code !== undefined) error.code = code;
  return errorOf(stack) ?? error;
}

/** Tells of a request whose handler failed; whether the line is about one. */
function tellFailure(line) {
  const { msg, err } = read(line, '{"msg":') ?? {};
  return msg === HANDLER_FAILED && typeof err?.stack === 'string' && tell(thrown(err));
}

/** Tells what the SDK has to say; whether the line says something. */
function tellSystem(line) {
  const { level, type, msg, err } = read(line, '{"time":') ?? read(line, '{"_slsLog":true') ?? {};
  if (type !== 'system' || typeof msg !== 'string') return false;
  if (err?.stack === undefined && level <= WARNING) warnOnce('published', msg);
  else link.sendBare(NOTICE, JSON.stringify({ level: 'error', title: msg, error: describe(thrown(err ?? { message: msg })) }));
  return true;
}

/** Has the lines told. */
function install() {
  const { error } = console;
  console.error = function (...args) {
    if (args.length !== 1 || !tellFailure(args[0])) error.apply(this, args);
  };
  const { write } = process.stdout;
  process.stdout.write = function (...args) {
    return tellSystem(args[0]) || write.apply(this, args);
  };
}

module.exports = { install };
