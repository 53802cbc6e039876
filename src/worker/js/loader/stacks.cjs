'use strict';
// Stack traces in the user's own lines.
//
// Nothing is mapped when an error is created or thrown: V8 calls `prepareStackTrace` when somebody
// reads `stack` for the first time. Then one call asks the emulator, which keeps the source maps,
// for all frames at once.

const { toPath } = require('./rules.cjs');

/** Places are looked up again and again in a handler that fails for every message. */
const MEMORY = 2000;

/** How deep to look for the user's code above ours. */
const CALL_SITE_DEPTH = 30;

/** The error whose frames are wanted as they are. */
class Probe {}

class Stacks {
  #rules;
  #known = new Map();
  #frames = new WeakMap();
  #nodeError = nodeErrorSymbol();
  #latest;

  /** @param {import('./rules.cjs').Rules} rules */
  constructor(rules) {
    this.#rules = rules;
  }

  install() {
    Error.prepareStackTrace = (error, sites) => this.#prepare(error, sites);
  }

  /** The frames of an error and the text made of them, if its stack was made here. */
  recorded(error) {
    return this.#frames.get(error);
  }

  /** The error whose stack was made last, if that is this text. */
  latest(text) {
    const error = this.#latest?.deref();
    return error !== undefined && this.#frames.get(error).text === text ? error : undefined;
  }

  /** The place in the user's code that is being run, skipping everything up to `skip`. */
  callSite(skip) {
    const probe = new Probe();
    const { prepareStackTrace, stackTraceLimit } = Error;
    let sites;
    Error.prepareStackTrace = (_, all) => all;
    Error.stackTraceLimit = CALL_SITE_DEPTH;
    try {
      Error.captureStackTrace(probe, skip ?? this.callSite);
      sites = probe.stack;
    } finally {
      Error.prepareStackTrace = prepareStackTrace;
      Error.stackTraceLimit = stackTraceLimit;
    }
    if (!Array.isArray(sites)) return undefined;
    const isUsers = ({ path }) => path !== undefined && this.#rules.isApp(path);
    const frames = sites.map(frameOf).filter(isUsers).slice(0, 1);
    return this.map(frames)[0];
  }

  /** Frames with places in running code -> frames with places in the source. */
  map(frames) {
    const key = ({ path, line, column, isUrl }) => `${isUrl ? 'u' : 'p'}${path}:${line}:${column}`;
    const unknown = frames.filter(
      (frame) => frame.path && this.#rules.isServed(frame.path) && !this.#known.has(key(frame)),
    );
    if (unknown.length > 0) {
      if (this.#known.size > MEMORY) this.#known.clear();
      const places = unknown.map(({ path, line, column, isUrl }) => ({ path, line, column, isUrl }));
      const { found } = this.#rules.channel.call({ op: 'map', places });
      unknown.forEach((frame, index) => this.#known.set(key(frame), found[index]));
    }
    return frames.flatMap((frame) => {
      const place = frame.path && this.#known.get(key(frame));
      if (place === undefined || place === null) return [frame];
      // Code of ours that stands for a file of the user's.
      if (place === 'hidden') return [];
      const [line, column] = place;
      return [{ ...frame, line, column, isMapped: true }];
    });
  }

  #prepare(error, sites) {
    const header = this.#header(error);
    let frames;
    try {
      frames = this.map(sites.map(frameOf));
    } catch {
      frames = sites.map(frameOf);
    }
    const text = [header, ...frames.map(({ text, ...frame }) => `    at ${placed(text, frame)}`)].join(
      '\n',
    );
    if (typeof error === 'object' && error !== null) {
      this.#frames.set(error, { frames, header, text });
      this.#latest = new WeakRef(error);
    }
    return text;
  }

  /** As Node's own: its errors show their code after their name. */
  #header(error) {
    try {
      if (this.#nodeError in error) return `${error.name} [${error.code}]: ${error.message}`;
      return Error.prototype.toString.call(error);
    } catch {
      return 'Error';
    }
  }
}

/** A V8 call site as plain data. */
function frameOf(site) {
  const file = site.getFileName() ?? undefined;
  const isUrl = file?.startsWith('file:') ?? false;
  const path = isUrl ? toPath(file) : file?.startsWith('/') ? file : undefined;
  const line = site.getLineNumber() ?? undefined;
  const column = site.getColumnNumber() ?? undefined;
  return { text: String(site), file, path, isUrl, line, column };
}

/** V8's text of a frame, its place exchanged for the mapped one. */
function placed(text, { file, path, line, column, isMapped }) {
  if (!isMapped) return text;
  const at = text.lastIndexOf(file);
  if (at < 0) return text;
  const rest = text.slice(at + file.length).replace(/^:\d+:\d+/, '');
  return `${text.slice(0, at)}${path}:${line}:${column}${rest}`;
}

/** The symbol by which Node marks its own errors; not public, but on every one of them. */
function nodeErrorSymbol() {
  try {
    Buffer.alloc('');
  } catch (error) {
    for (let object = error; object; object = Object.getPrototypeOf(object)) {
      const symbols = Object.getOwnPropertySymbols(object);
      const found = symbols.find((symbol) => symbol.description === 'kIsNodeError');
      if (found) return found;
    }
  }
  return Symbol('unknown');
}

module.exports = { Stacks };
