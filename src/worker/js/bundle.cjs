// Our modules that every worker loads, in one file. `assets.rs` puts them in front of this:
// `MODULES`, functions by the names of the files.

const Module = require('node:module');
const path = require('node:path');

const loaded = new Map();

function load(name) {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const module = { exports: {} };
  loaded.set(name, module);
  const file = path.join(__dirname, name);
  MODULES[name](module.exports, requireFrom(path.dirname(name)), module, file, path.dirname(file));
  return module.exports;
}

/** The `require` of a module in this folder below ours. */
function requireFrom(folder) {
  return (request) => {
    if (!request.startsWith('.')) return require(request);
    const name = path.join(folder, request);
    return Object.hasOwn(MODULES, name) ? load(name) : require(path.join(__dirname, name));
  };
}

// Whatever else loads one of these files, an `import` of the app or a module that is not here,
// gets the same instance.
const prefix = __dirname + path.sep;
const loadJavascript = Module._extensions['.js'];
// Not enumerable: Node must not try it for a path without an extension.
Object.defineProperty(Module._extensions, '.cjs', {
  value(module, file) {
    const name = file.startsWith(prefix) ? file.slice(prefix.length) : '';
    if (Object.hasOwn(MODULES, name)) module.exports = load(name);
    else loadJavascript.apply(this, arguments);
  },
  configurable: true,
  enumerable: false,
  writable: true,
});

load('main.cjs');
