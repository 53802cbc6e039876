'use strict';
// What compiled code calls: see `src/worker/transpile/commonjs.rs`.

const { createRequire } = require('node:module');
const path = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');

const has = Object.prototype.hasOwnProperty;

/** Gives `exports` a getter for each name. */
exports.define = function define(target, getters) {
  for (const name of Object.keys(getters)) {
    Object.defineProperty(target, name, { get: getters[name], enumerable: true });
  }
};

/** An object whose `default` is the module's default export. */
exports.defaultOf = function defaultOf(module) {
  return module?.__esModule ? module : { default: module };
};

/** What `import * as name` gives. */
exports.namespaceOf = function namespaceOf(module) {
  if (module?.__esModule) return module;
  const namespace = {};
  copy(namespace, module);
  if (!has.call(namespace, 'default')) {
    Object.defineProperty(namespace, 'default', { value: module, enumerable: true });
  }
  return namespace;
};

/** `export * from`: what is exported by name goes first. */
exports.reexport = function reexport(target, module) {
  copy(target, module);
};

function copy(target, module) {
  if (module === null || (typeof module !== 'object' && typeof module !== 'function')) return;
  for (const name of Object.getOwnPropertyNames(module)) {
    if (name === 'default' || name === '__esModule' || has.call(target, name)) continue;
    const enumerable = Object.prototype.propertyIsEnumerable.call(module, name);
    if (!enumerable && typeof module === 'function') continue;
    Object.defineProperty(target, name, { get: () => module[name], enumerable });
  }
}

/** `import.meta` in a file that runs as CommonJS. */
exports.importMeta = function importMeta(filename) {
  const url = pathToFileURL(filename).href;
  const require = createRequire(filename);
  const resolve = (specifier) => pathToFileURL(require.resolve(specifier)).href;
  return { __proto__: null, dirname: path.dirname(filename), filename, resolve, url };
};

/** CommonJS' own names in a file that runs as an ES module. */
exports.commonjsNames = function commonjsNames(url) {
  const filename = fileURLToPath(url);
  return { __dirname: path.dirname(filename), __filename: filename, require: createRequire(url) };
};

/** The exports of a CommonJS file of the app, for the ES module that stands for it. */
exports.loadCommonJs = function loadCommonJs(filename) {
  return createRequire(filename)(filename);
};
