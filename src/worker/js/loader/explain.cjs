'use strict';
// Errors that Node words for people who know Node: missing modules, syntax, the two module kinds.
// Each rule returns what it knows better, at most: message, hint, and a place in a source file.

const path = require('node:path');
const { fileURLToPath } = require('node:url');

const { dataHint } = require('./data-hints.cjs');
const { NO_SUCH_PART } = require('./rules.cjs');

/** Where our data package lies. */
const DATA = path.resolve(__dirname, '../data') + path.sep;

const HINTS = [
  [/^require is not defined/, 'this file is an ES module: use `import`, or `createRequire` of `node:module`'],
  [/^(module|exports) is not defined/, 'this file is an ES module: use `export`'],
  [/^__(dir|file)name is not defined/, 'this file is an ES module: use `import.meta.dirname` or `import.meta.filename`'],
  [/^await is only valid in/, 'this file is CommonJS, which cannot wait at its top level: set `"type": "module"` in package.json'],
  [/^Cannot use import statement outside a module/, 'this file is CommonJS: set `"type": "module"` in package.json, or name it `.mjs`'],
  [/^data\.(get|getByLabel|set|add|remove|scan) is not a function/, 'a parameter or variable called `data` hides the `data` of @ampt/data here: give it another name'],
  [/^Unexpected token 'export'/, 'this file is CommonJS: set `"type": "module"` in package.json, or name it `.mjs`'],
];

const CODE_HINTS = {
  ERR_REQUIRE_ASYNC_MODULE:
    'that module waits at its top level, which `require` cannot do: set `"type": "module"` in package.json, so that your imports stay imports',
  ERR_REQUIRE_ESM: 'use `await import()`, or Node 22 or later',
  ERR_UNKNOWN_FILE_EXTENSION: 'Node cannot load files of this kind',
};

/** What is known better about an error; an empty object if nothing is. */
function explain(errors, error) {
  return (
    problem(error) ??
    missingModule(errors, error) ??
    missingExport(errors, error) ??
    syntax(errors, error) ??
    hinted(errors, error)
  );
}

/** What the emulator itself found wrong with a file. */
function problem({ read }) {
  const found = read('problem');
  if (typeof found !== 'object' || found === null || typeof found.path !== 'string') return undefined;
  const { path, message, hint, line, column, frame } = found;
  return { path, message, line, column, frame, ...(hint && { hint }) };
}

function missingModule(errors, { code, message, read, frames }) {
  if (code !== 'MODULE_NOT_FOUND' && code !== 'ERR_MODULE_NOT_FOUND' && code !== 'ERR_UNSUPPORTED_DIR_IMPORT') {
    return undefined;
  }
  const match =
    /^Cannot find (?:module|package) '(.+?)'(?: imported from (.+))?/s.exec(message) ??
    /^Directory import '(.+?)' is not supported.*? imported from (.+)/s.exec(message);
  if (!match) return undefined;
  let from = match[2]?.split('\n')[0] ?? requireStack(read)[0];
  if (from?.startsWith('file:')) from = fileURLToPath(from);
  let specifier = match[1];
  const notOurs = message.split('\n').find((line) => line.startsWith(NO_SUCH_PART));
  if (!from || !errors.rules.isApp(from)) {
    const user = frames.find((frame) => frame.path && errors.rules.isApp(frame.path));
    return { hint: notOurs ?? 'is everything installed? run `npm install`', ...(notOurs && pick(user)) };
  }
  const wanted = specifierIn(errors, specifier, from);
  specifier = wanted.specifier;
  let { hint } = notOurs ? { hint: notOurs } : errors.channel.call({ op: 'missing', specifier, from });
  // Ours is always there: it was not wanted.
  if (!notOurs && hint && /^@ampt\/sdk(\/|$)/.test(specifier)) hint += ', or start without `--sdk installed`';
  return {
    message: `cannot find module '${specifier}', imported by ${errors.shown(from)}`,
    ...(hint && { hint }),
    path: from,
    ...wanted.place,
  };
}

/** Node names the resolved path of an import; the user wrote something else. */
function specifierIn(errors, named, from) {
  const relative = path.relative(path.dirname(from), named);
  const written = named.startsWith('/')
    ? [named, relative.startsWith('.') ? relative : `./${relative}`]
    : [named];
  for (const specifier of written) {
    const { place } = errors.channel.call({ op: 'locate', path: from, specifier });
    if (place) return { specifier, place: { line: place[0], column: place[1] } };
  }
  return { specifier: written.at(-1), place: {} };
}

function requireStack(read) {
  const stack = read('requireStack');
  return Array.isArray(stack) ? stack.filter((entry) => typeof entry === 'string') : [];
}

/** `import { name }` of a module that has no such export. */
function missingExport(errors, { name, message, place, loading }) {
  const match = /^The requested module '(.+?)' (?:does not provide|is a CommonJS module)/.exec(message);
  if (name !== 'SyntaxError' || !match) return undefined;
  const hint = message.includes('is a CommonJS module')
    ? 'import the whole module, and take the name from it'
    : 'check the name; if it is only a type, write `import type`';
  // On Node 20 the specifier may have become a URL.
  const [specifier, shown] = match[1].startsWith('file:')
    ? [match[1], errors.shown(fileURLToPath(match[1]))]
    : [match[1], match[1]];
  const file = place?.path ?? loading;
  const wanted = /(?:named|export) '(.+?)'/.exec(message.slice(match[0].length))?.[1];
  const found = file && wanted && errors.channel.call({ op: 'locateImport', path: file, name: wanted }).place;
  return {
    message: message.split('\n')[0].replace(specifier, shown),
    hint,
    ...(found ? { path: file, line: found[0], column: found[1] } : pick(place)),
  };
}

/** A file that V8 or the JSON parser rejects. */
function syntax(errors, { name, message, place, loading, frames }) {
  if (name !== 'SyntaxError') return undefined;
  const json = /^(\/.+\.json): /.exec(message);
  const file = json ? json[1] : (place?.path ?? loading);
  // Node does not say in which ES module it is: its own loader is all that the stack has.
  const isNameless = file === undefined && frames[0]?.file?.startsWith('node:internal/modules/');
  if (!isNameless && (!file || !errors.rules.isApp(file))) return undefined;
  const { found } = errors.channel.call({ op: 'diagnose', ...(file && { path: file }) });
  const hint = HINTS.find(([pattern]) => pattern.test(message))?.[1] ?? found?.hint;
  return {
    // V8's words are those that people search for; the parser's are better for JSON only.
    ...(json && found && { message: found.message }),
    ...(hint && { hint }),
    ...pick(found ?? place),
    ...(found?.frame && { frame: found.frame }),
  };
}

function hinted(errors, { code, message, frames }) {
  const hint = HINTS.find(([pattern]) => pattern.test(message))?.[1]
    ?? CODE_HINTS[code] ?? (isOfData(errors, frames) ? dataHint(message) : undefined);
  return hint ? { hint } : {};
}

/** Whether an error comes from a call of the data package, not from code of the user's that it called. */
function isOfData(errors, frames) {
  const users = frames.findIndex((frame) => frame.path && errors.rules.isApp(frame.path));
  const above = users < 0 ? frames : frames.slice(0, users);
  return above.some((frame) => frame.path?.startsWith(DATA));
}

function pick(frame) {
  return frame ? { path: frame.path, line: frame.line, column: frame.column } : {};
}

module.exports = { explain };
