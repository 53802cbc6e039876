'use strict';
// `require`: resolution on all Node versions (Node's synchronous hooks do not cover
// `require.resolve` everywhere), loading on those without synchronous hooks.

const Module = require('node:module');
const path = require('node:path');

const { NOT_FOUND, isFile, isPathLike } = require('./rules.cjs');

/** @param {import('./rules.cjs').Rules} rules */
function installRequireResolution(rules) {
  const original = Module._resolveFilename;
  Module._resolveFilename = function resolveFilename(request, parent, isMain, options) {
    if (typeof request !== 'string') return original.call(this, request, parent, isMain, options);
    const own = rules.ownFile(request, 'require', parent?.filename);
    if (own !== undefined) return own;
    const from = parent?.filename;
    const concernsUs =
      typeof from === 'string' && path.isAbsolute(from) && !options?.paths && rules.isApp(from);
    if (!concernsUs || Module.isBuiltin(request)) {
      return original.call(this, request, parent, isMain, options);
    }
    if (isPathLike(request) && !nodeFinds(path.resolve(path.dirname(from), request))) {
      const found = rules.search(request, from, 'require');
      if (found !== undefined) return found;
    }
    try {
      return original.call(this, request, parent, isMain, options);
    } catch (error) {
      const found = NOT_FOUND.has(error?.code) && rules.search(request, from, 'require');
      if (found) return found;
      throw error;
    }
  };
}

/** Cheaper than to let Node fail: its error takes longer than the whole search. */
function nodeFinds(place) {
  return isFile(place) || isFile(`${place}.js`) || isFile(`${place}.json`);
}

/**
 * @param {import('./rules.cjs').Rules} rules
 * @param {() => void} beforeImport called before code runs that may `import()`
 */
function installRequireLoading(rules, beforeImport) {
  const extensions = Module._extensions;
  const javascript = extensions['.js'];
  const ours = extensions['.cjs'] ?? javascript;
  const load = (module, filename) => {
    if (rules.isOurs(filename)) return ours(module, filename);
    if (!rules.isServed(filename)) {
      rules.channel.report(filename);
      return javascript(module, filename);
    }
    const reply = rules.load(filename, 'require', false);
    if (reply.imports || reply.format === 'module') beforeImport();
    // The third argument is new in 20.19; before that, Node cannot do it at all.
    if (reply.format === 'module' && !process.features.require_module) {
      return javascript(module, filename);
    }
    return module._compile(reply.text, filename, reply.format);
  };
  extensions['.js'] = load;
  // Not enumerable: Node must not try these for a path without an extension, or a `lib.ts` would
  // hide a `lib/index.js`, unlike on other versions.
  for (const extension of ['.jsx', '.mjs', '.cjs', '.ts', '.tsx', '.mts', '.cts']) {
    Object.defineProperty(extensions, extension, {
      value: load,
      configurable: true,
      enumerable: false,
      writable: true,
    });
  }
  for (const extension of ['.json', '.node']) {
    const original = extensions[extension];
    extensions[extension] = function loadAndReport(module, filename) {
      if (!rules.isOurs(filename)) rules.channel.report(filename);
      return original(module, filename);
    };
  }
}

module.exports = { installRequireLoading, installRequireResolution };
