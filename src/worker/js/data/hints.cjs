'use strict';
// What to do about a refused call: one line for the terminal, beside the package's own text.

const HINTS = [
  [/^Invalid key: Key names in collections/, 'after the namespace, `|` and `*` are for queries, `<` and `>` may not come first'],
  [/^Invalid key/, 'a key is `name` or `namespace:name`, each part at most 256 bytes and not empty'],
  [/^Value can not be undefined/, 'use `data.remove(key)` to delete, or `{ removeNulls: false }` to store null'],
  [/^Cannot convert an existing object/, 'remove the item first, or write with `{ overwrite: true }`'],
  [/^Item size/, 'an item holds at most 400 KB'],
  [/^Unsupported type passed/, 'dates and class instances cannot be stored inside a value: convert them first (`toISOString()`, `{ ...instance }`)'],
  [/is greater than Number\.MAX_SAFE_INTEGER/, 'write large integers as BigInt (`123n`)'],
  [/^'limit' must be/, 'read further pages with `next()`'],
  [/contains duplicates/, '`name` and `name:0` are the same item'],
  [/^An operand in the update expression/, '`$add` works on numbers only'],
  [/^Wildcards/, 'write `namespace:prefix*`'],
];

/** The hint for an error, or undefined. */
function hintFor(error) {
  return HINTS.find(([pattern]) => pattern.test(error.message))?.[1];
}

module.exports = { hintFor };
