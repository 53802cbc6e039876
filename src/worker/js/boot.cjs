// The worker's first file. It is written for any Node at all, so that one that is too old gets a
// clear word instead of a syntax error.
'use strict';
var OLDEST = 20;
var LOAD_FAILED = 3;

function refuse(message, hint) {
  var text = Buffer.from(JSON.stringify({ name: 'NodeTooOldError', message: message, hint: hint }));
  var head = Buffer.from([0, 0, 0, 0, LOAD_FAILED]);
  head.writeUInt32LE(text.length + 1, 0);
  require('fs').writeSync(3, Buffer.concat([head, text]));
  process.exit(1);
}

if (parseInt(process.versions.node, 10) < OLDEST) {
  refuse(
    'Node ' + process.version + ' is too old: version ' + OLDEST + ' or newer is needed',
    'install a newer Node, or name one with --node PATH'
  );
}

// Texts of the files that every worker loads, by their names; filled in when this file is unpacked.
// One file is written and read much faster than forty, and those may be on their way to the disk yet.
var CARRIED = {};

/** Has Node find those files here. */
function carry() {
  var Module = require('module');
  var path = require('path');
  var prefix = __dirname + path.sep;
  var nameOf = function (file) {
    var name = file.indexOf(prefix) === 0 ? file.slice(prefix.length) : '';
    return Object.prototype.hasOwnProperty.call(CARRIED, name) ? name : undefined;
  };
  var resolve = Module._resolveFilename;
  Module._resolveFilename = function (request, parent) {
    var isRelative = typeof request === 'string' && request.charAt(0) === '.';
    if (isRelative && parent && typeof parent.filename === 'string') {
      var file = path.join(path.dirname(parent.filename), request);
      if (nameOf(file) !== undefined) return file;
    }
    return resolve.apply(this, arguments);
  };
  var javascript = Module._extensions['.js'];
  // Not enumerable: Node must not try it for a path without an extension.
  Object.defineProperty(Module._extensions, '.cjs', {
    value: function (module, file) {
      var name = nameOf(file);
      if (name === undefined) return javascript.apply(this, arguments);
      return module._compile(CARRIED[name], file, 'commonjs');
    },
    configurable: true,
    enumerable: false,
    writable: true
  });
}

carry();
require('./main.cjs');
