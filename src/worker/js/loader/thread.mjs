// Module hooks for `import` where Node has only asynchronous ones (20, early 22): they run in a
// thread of their own. `require` is patched in the main thread, see `require-hooks.cjs`.

import fs from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);
const { Channel } = require('./channel.cjs');
const { Rules, toPath } = require('./rules.cjs');
const { quietWarnings } = require('./warnings.cjs');

let rules;

/** Called by `module.register`, with the `data` given there. */
export function initialize({ fd, lock, ...options }) {
  quietWarnings();
  rules = new Rules(options, new Channel(fd, new Int32Array(lock)));
}

export async function resolve(specifier, context, next) {
  const own = rules.ownFile(specifier, 'import', context.parentURL);
  if (own !== undefined) return { url: pathToFileURL(own).href, shortCircuit: true };
  const from = context.parentURL?.startsWith('file:') ? toPath(context.parentURL) : undefined;
  if (from === undefined || isBuiltin(specifier) || !rules.isApp(from)) {
    return next(specifier, context);
  }
  const found = rules.importedFile(specifier, from);
  if (found !== undefined) return { url: found, shortCircuit: true };
  try {
    return await next(specifier, context);
  } catch (error) {
    const url = rules.importedAfter(error, specifier, from);
    if (url === undefined) throw error;
    return { url, shortCircuit: true };
  }
}

export async function load(url, context, next) {
  const file = url.startsWith('file:') ? toPath(url) : undefined;
  if (file === undefined || rules.isOurs(file)) return next(url, context);
  if (rules.isServed(file)) {
    const reply = rules.load(file, 'import', false);
    // Unchanged CommonJS: without a source, Node goes through `require` in the main thread.
    const source = reply.format === 'commonjs' ? null : reply.text;
    return { format: reply.format, source, shortCircuit: true };
  }
  rules.channel.report(file);
  if (path.extname(file) === '.json' && rules.isApp(file)) {
    return { format: 'json', source: fs.readFileSync(file, 'utf8'), shortCircuit: true };
  }
  return next(url, context);
}
