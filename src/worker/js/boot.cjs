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

require('./bundle.cjs');
