'use strict';
// Module hooks where Node has synchronous ones (22.15, 23.5 and later): they run in this thread
// and see `require` and `import` alike. Resolution for `require` is in `require-hooks.cjs`, on
// all versions.

const fs = require('node:fs');
const { isBuiltin, registerHooks } = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const { toPath } = require('./rules.cjs');

/** @param {import('./rules.cjs').Rules} rules */
function installSyncHooks(rules) {
  registerHooks({
    resolve(specifier, context, next) {
      if (viaOf(context) === 'require') return next(specifier, context);
      return resolveImport(rules, specifier, context, next);
    },
    load(url, context, next) {
      return load(rules, url, context, next);
    },
  });
}

function viaOf(context) {
  return context.conditions.includes('require') ? 'require' : 'import';
}

function resolveImport(rules, specifier, context, next) {
  const own = rules.ownFile(specifier, 'import', context.parentURL);
  if (own !== undefined) return { url: pathToFileURL(own).href, shortCircuit: true };
  const from = context.parentURL?.startsWith('file:') ? toPath(context.parentURL) : undefined;
  if (from === undefined || isBuiltin(specifier) || !rules.isApp(from)) {
    return next(specifier, context);
  }
  const found = rules.importedFile(specifier, from);
  if (found !== undefined) return { url: found, shortCircuit: true };
  try {
    return next(specifier, context);
  } catch (error) {
    const url = rules.importedAfter(error, specifier, from);
    if (url === undefined) throw error;
    return { url, shortCircuit: true };
  }
}

function load(rules, url, context, next) {
  const file = url.startsWith('file:') ? toPath(url) : undefined;
  if (file === undefined || rules.isOurs(file)) return next(url, context);
  const via = viaOf(context);
  if (rules.isServed(file)) {
    const reply = rules.load(file, via, true);
    if (via === 'import' && reply.format === 'commonjs') {
      // Unchanged CommonJS: without a source, Node goes through `require`, and through us again.
      return { format: 'commonjs', source: null, shortCircuit: true };
    }
    return { format: reply.format, source: reply.text, shortCircuit: true };
  }
  rules.channel.report(file);
  if (via === 'import' && path.extname(file) === '.json' && rules.isApp(file)) {
    return { format: 'json', source: fs.readFileSync(file, 'utf8'), shortCircuit: true };
  }
  return next(url, context);
}

module.exports = { installSyncHooks };
