'use strict';
// What the hooks of all Node versions have in common: which specifiers are ours, which files are
// the app's, and what a reply of the emulator means.

const fs = require('node:fs');
const path = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');

const COMPILED = new Set(['.ts', '.tsx', '.mts', '.cts', '.jsx']);
const JAVASCRIPT = new Set(['.js', '.mjs', '.cjs']);
const INSTALLED = `${path.sep}node_modules${path.sep}`;

/** How the second line of an error begins that is about a part of our packages. */
const NO_SUCH_PART = 'the emulated';

/** Errors of Node's own resolution after which ours has a say. */
const NOT_FOUND = new Set([
  'MODULE_NOT_FOUND',
  'ERR_MODULE_NOT_FOUND',
  'ERR_UNSUPPORTED_DIR_IMPORT',
  'ERR_PACKAGE_IMPORT_NOT_DEFINED',
  'ERR_INVALID_MODULE_SPECIFIER',
  'ERR_UNSUPPORTED_RESOLVE_REQUEST',
]);

class Rules {
  /**
   * @param {object} options
   * @param {string} options.runtimeDir the folder of our own JavaScript
   * @param {'embedded'|'installed'} options.sdk whose `@ampt/sdk` the app gets
   * @param {import('./channel.cjs').Channel} channel
   */
  constructor({ runtimeDir, sdk }, channel) {
    this.runtimeDir = runtimeDir;
    this.runtimePrefix = runtimeDir + path.sep;
    this.embeddedSdk = sdk !== 'installed';
    this.channel = channel;
  }

  /**
   * The file of ours that a specifier means, if it means one. `via`: 'import' or 'require';
   * `from`: path or URL of the file that says it, if there is one.
   */
  ownFile(specifier, via, from) {
    if (specifier.charCodeAt(0) !== 64 /* @ */) {
      if (!specifier.startsWith('ampt-ws:')) return undefined;
      return path.join(this.runtimeDir, 'loader', `${specifier.slice(8)}.cjs`);
    }
    if (!specifier.startsWith('@ampt/')) return undefined;
    const [, name, ...rest] = specifier.split('/');
    if (name !== 'data' && !(name === 'sdk' && this.embeddedSdk)) return undefined;
    const part = rest.join('/') || 'index';
    if (part === 'package.json') return undefined;
    const file = path.join(this.runtimeDir, name, part + (via === 'import' ? '.mjs' : '.cjs'));
    if (part !== 'index' && !(file.startsWith(this.runtimePrefix) && isFile(file))) {
      throw notOurs(specifier, `@ampt/${name}`, from);
    }
    return file;
  }

  isOurs(file) {
    return file.startsWith(this.runtimePrefix);
  }

  /** The app's own code: neither ours nor an installed package's. */
  isApp(file) {
    return !file.includes(INSTALLED) && !this.isOurs(file);
  }

  /** Whether the emulator supplies the code of a file. */
  isServed(file) {
    const extension = path.extname(file);
    if (COMPILED.has(extension)) return !file.endsWith('.d.ts') && !this.isOurs(file);
    return JAVASCRIPT.has(extension) && this.isApp(file);
  }

  /** The code of a file; throws if that cannot be compiled. */
  load(file, via, requireEsm) {
    const reply = this.channel.call({ op: 'load', path: file, via, requireEsm });
    if (reply.problem) throw problemError(reply.problem);
    reply.text ??= '';
    return reply;
  }

  /** The file that a specifier means by our rules, where Node's have failed. */
  search(specifier, from, via) {
    const reply = this.channel.call({ op: 'resolve', specifier, from, via });
    if (reply.problem) throw problemError(reply.problem);
    return reply.path ?? undefined;
  }

  /** Our resolution of an `import`; `undefined`: let Node do it. */
  importedFile(specifier, from) {
    if (!isPathLike(specifier)) return undefined;
    let url;
    try {
      url = new URL(specifier, pathToFileURL(from));
    } catch {
      return undefined;
    }
    if (url.protocol !== 'file:') return undefined;
    const file = toPath(url);
    if (file === undefined || (isFile(file) && !file.endsWith(path.sep))) return undefined;
    const found = this.search(file, from, 'import');
    return found && pathToFileURL(found).href + url.search + url.hash;
  }

  /** A second try for an `import` that Node could not resolve. */
  importedAfter(error, specifier, from) {
    if (!NOT_FOUND.has(error?.code)) return undefined;
    const place = typeof error.url === 'string' ? toPath(error.url) : undefined;
    const found =
      this.search(specifier, from, 'import') ?? (place && this.search(place, from, 'import'));
    return found && pathToFileURL(found).href;
  }
}

function notOurs(specifier, name, from) {
  const by = from ? ` imported from ${from}` : '';
  const error = new Error(`Cannot find module '${specifier}'${by}\n${NO_SUCH_PART} ${name} has no such part`);
  error.code = 'MODULE_NOT_FOUND';
  return error;
}

/** An error for what the emulator found wrong with a file. Survives the way between threads. */
function problemError(problem) {
  const error = new SyntaxError(problem.message);
  error.problem = problem;
  Object.defineProperty(error, 'problem', { enumerable: false });
  const place = problem.line ? `${problem.path}:${problem.line}:${problem.column}` : problem.path;
  const frame = problem.frame ? `\n${problem.frame}` : '';
  error.stack = `${place}${frame}\nSyntaxError: ${problem.message}`;
  return error;
}

function isPathLike(specifier) {
  return /^(?:\.{0,2}\/|\.{1,2}$|file:)/.test(specifier);
}

function isFile(file) {
  try {
    return fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    return false;
  }
}

/** The path of a file URL, or `undefined`. */
function toPath(url) {
  try {
    return fileURLToPath(url);
  } catch {
    return undefined;
  }
}

module.exports = { NOT_FOUND, NO_SUCH_PART, Rules, isFile, isPathLike, problemError, toPath };
