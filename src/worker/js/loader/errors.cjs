'use strict';
// Whatever was thrown -> plain data that the emulator can print.

const path = require('node:path');
const { inspect } = require('node:util');

const { toPath } = require('./rules.cjs');

/** Limits for errors that hold errors. */
const MAX_DEPTH = 6;
const MAX_ERRORS = 10;
/** In characters. */
const MAX_MESSAGE = 16 * 1024;

class Errors {
  /** Error -> the file that was being loaded, where Node does not tell. */
  #loading = new WeakMap();

  /**
   * @param {object} parts
   * @param {string} parts.appDir
   * @param {import('./channel.cjs').Channel} parts.channel
   * @param {import('./rules.cjs').Rules} parts.rules
   * @param {import('./stacks.cjs').Stacks} parts.stacks
   */
  constructor({ appDir, channel, rules, stacks }) {
    this.appPrefix = appDir.endsWith(path.sep) ? appDir : appDir + path.sep;
    this.channel = channel;
    this.rules = rules;
    this.stacks = stacks;
  }

  /**
   * Describes anything that can be thrown; never throws itself.
   *
   * `all`: keep the frames of Node and of the emulator.
   */
  describe(error, { all = false } = {}) {
    try {
      return this.#describe(error, { all, seen: new Set(), depth: 0 });
    } catch (failure) {
      const message = `${textOf(error)} (and describing it failed: ${textOf(failure)})`;
      return { name: 'Error', message, stack: message };
    }
  }

  /**
   * The place in the user's code that is running now; `skip` is a function of ours above which to
   * look.
   */
  callSite(skip) {
    try {
      const frame = this.stacks.callSite(skip);
      return frame && { file: this.shown(frame.path), path: frame.path, line: frame.line, column: frame.column };
    } catch {
      return undefined;
    }
  }

  /** The error with this stack, if it was the last one whose stack somebody read. */
  latest(stack) {
    return this.stacks.latest(stack);
  }

  /** Remembers which file was being loaded when something was thrown. */
  noteLoading(error, file) {
    if (typeof error === 'object' && error !== null) this.#loading.set(error, file);
  }

  /** A path as the user knows it: relative inside the app. */
  shown(file) {
    return file.startsWith(this.appPrefix) ? file.slice(this.appPrefix.length) : file;
  }

  #describe(error, { all, seen, depth }) {
    if (!isErrorLike(error)) {
      return { name: 'thrown value', message: textOf(error), stack: `thrown value: ${textOf(error)}` };
    }
    seen.add(error);
    const read = reader(error);
    const parsed = this.#framesOf(error, read);
    const own = {
      name: nameOf(read),
      message: stringOr(read('message'), '').slice(0, MAX_MESSAGE),
    };
    const code = read('code');
    if (typeof code === 'string' || typeof code === 'number') own.code = code;
    const frames = all ? parsed.frames : this.#shownFrames(parsed.frames);
    // Loaded with the first error: most runs have none.
    const { explain } = require('./explain.cjs');
    const found = explain(this, {
      ...own,
      read,
      place: parsed.place,
      loading: this.#loading.get(error),
      frames: parsed.frames,
    });
    const described = { ...own, ...found };
    const place = found.path ? found : frames.find((frame) => frame.path && this.rules.isApp(frame.path));
    if (place) this.#locate(described, place);
    described.stack = this.#stackText(described, frames);
    const nested = (value) =>
      depth < MAX_DEPTH && !seen.has(value)
        ? this.#describe(value, { all, seen, depth: depth + 1 })
        : { name: 'Error', message: '(more errors inside)', stack: '' };
    if (read('cause') !== undefined) described.cause = nested(read('cause'));
    const errors = read('errors');
    if (Array.isArray(errors)) described.errors = errors.slice(0, MAX_ERRORS).map(nested);
    return described;
  }

  #locate(described, { path: file, line, column, frame }) {
    described.path = file;
    described.file = this.shown(file);
    if (line === undefined || line === null) return;
    described.line = line;
    described.column = column ?? 1;
    const text = frame ?? this.channel.call({ op: 'frame', path: file, line, column: described.column }).text;
    if (text) described.codeFrame = text;
  }

  #stackText({ name, message }, frames) {
    const header = message === '' ? name : `${name}: ${message}`;
    const lines = frames.map(({ text, path: file, line, column, file: written }) => {
      const shown = file === undefined ? written : this.shown(file);
      const at = written === undefined ? -1 : text.lastIndexOf(written);
      const rest = text.slice(at + (written?.length ?? 0)).replace(/^:\d+:\d+/, '');
      const place = line === undefined ? shown : `${shown}:${line}:${column}`;
      return `    at ${at < 0 ? text : text.slice(0, at) + place + rest}`;
    });
    return [header, ...lines].join('\n');
  }

  /** The frames that are no part of Node or of the emulator, nor called by it on the user's behalf. */
  #shownFrames(frames) {
    const users = frames.findIndex((frame) => frame.file !== undefined && this.#isShown(frame));
    const above = frames.slice(0, Math.max(users, 0));
    const ours = above.findLastIndex((frame) => !this.#isShown(frame));
    return frames.slice(ours + 1).filter((frame) => this.#isShown(frame));
  }

  #isShown({ path: file, file: written }) {
    if (written?.startsWith('node:')) return false;
    return file === undefined || !this.rules.isOurs(file);
  }

  /** The frames of an error, mapped; and the place that Node puts before a syntax error. */
  #framesOf(error, read) {
    const stack = read('stack');
    const recorded = this.stacks.recorded(error);
    if (recorded && recorded.text === stack) return { frames: recorded.frames };
    if (typeof stack !== 'string') return { frames: recorded?.frames ?? [] };
    const place = this.#decoration(stack);
    if (recorded) return { frames: recorded.frames, place };
    return { frames: this.stacks.map(framesIn(stack, read('message'))), place };
  }

  /** `file:///app/x.js:3`, the line, a line of carets: what Node writes before a stack. */
  #decoration(stack) {
    const match = /^((?:file:\/\/)?\/.*?):(\d+)(?::\d+)?\n(?:(.*)\n([ \t]*)\^+ *\n)?/.exec(stack);
    if (!match) return undefined;
    const isUrl = match[1].startsWith('file:');
    const file = isUrl ? toPath(match[1]) : match[1];
    if (file === undefined) return undefined;
    const column = match[4] === undefined ? 1 : match[4].length + 1;
    const frame = { text: '', path: file, file: match[1], isUrl, line: Number(match[2]), column };
    return this.stacks.map([frame])[0];
  }
}

/** Reads a property of something that may be a proxy or have getters that throw. */
function reader(object) {
  return (name) => {
    try {
      return object[name];
    } catch {
      return undefined;
    }
  };
}

/** An error's name; where a subclass has set none, its class, as Node prints it. */
function nameOf(read) {
  const name = stringOr(read('name'), 'Error');
  const own = read('constructor')?.name;
  return name === 'Error' && typeof own === 'string' && own !== '' ? own : name;
}

/** An error of this or another realm, or something that is made like one. */
function isErrorLike(value) {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return value instanceof Error || (typeof value.message === 'string' && 'stack' in value);
  } catch {
    return false;
  }
}

function stringOr(value, fallback) {
  return typeof value === 'string' && value !== '' ? value : value === undefined || value === '' ? fallback : textOf(value);
}

/** Any value as text; never throws. */
function textOf(value) {
  if (typeof value === 'string') return value.slice(0, MAX_MESSAGE);
  try {
    return inspect(value, { depth: 3, breakLength: 100 }).slice(0, MAX_MESSAGE);
  } catch {
    return `(a value of type ${typeof value} that cannot be shown)`;
  }
}

/** The frames in the text of a stack. */
function framesIn(stack, message) {
  // A message may have lines that look like frames.
  const start = typeof message === 'string' && message !== '' ? stack.indexOf(message) : -1;
  const text = start < 0 ? stack : stack.slice(start + message.length);
  const frames = [];
  for (const line of text.split('\n')) {
    const match = /^\s+at (.+)$/.exec(line);
    if (match) frames.push(frameIn(match[1]));
  }
  return frames;
}

function frameIn(text) {
  const match = /^(?:(?:async )?.*? \()?((?:file:\/\/|node:|\/).*?):(\d+):(\d+)\)?$/.exec(
    text.startsWith('async /') || text.startsWith('async file:') ? text.slice(6) : text,
  );
  if (!match) return { text };
  const [, file, line, column] = match;
  const isUrl = file.startsWith('file:');
  const place = isUrl ? toPath(file) : file.startsWith('/') ? file : undefined;
  return { text, file, path: place, isUrl, line: Number(line), column: Number(column) };
}

module.exports = { Errors };
