'use strict';
// What to do about a refused call of `@ampt/data`: one line for the terminal, beside the package's own
// text.

const OPTIONS = 'leave the options out or pass an object: they may not be null';
const LABEL = "name the label first: `data.getByLabel('label1', 'key')`";
const EXISTS = '`exists` asked for this: catch the error where it is to be expected';

const HINTS = [
  // Keys and queries.
  [/^Invalid key: Key names in collections/, 'after the namespace, `|` and `*` are for queries, `<` and `>` may not come first'],
  [/^Invalid key/, 'a key is `name` or `namespace:name`, and so is a label; each part at most 256 bytes and not empty'],
  [/^Wildcards/, 'write `namespace:prefix*`'],
  [/^You must supply a key name/, 'a comparison needs a bound: `namespace:>=name`, `namespace:first|last`'],
  [/BETWEEN operator/, 'the lower bound comes first: `namespace:a|z`'],
  [/^'limit' must be/, 'read further pages with `next()`'],
  [/starting key|cannot be restarted/, '`start` is the `lastKey` of a page that the same query gave'],
  [/^Labels must be specified|^label\.match is not/, LABEL],
  [/^You cannot delete items using conditionals/, 'read the items first, then `data.remove` their keys, up to 25 in one call'],
  // Lists.
  [/^You must provide at least one/, 'the list is empty: look at its length before the call'],
  [/maximum of 25/, 'split the list into groups of 25'],
  [/^Invalid options for batch get/, 'with a list of keys only `meta` can be asked for'],
  [/in each item$/, "each item of the list looks like `{ key: 'name', value: … }`"],
  [/contains duplicates/, '`name` and `name:0` are the same item'],
  // Options.
  [/^Cannot .*(reading 'meta'|property 'meta'|null to object)/, OPTIONS],
  [/^'options' must be/, 'the last argument of `data.set` is `true`, or an object such as `{ overwrite: true }`'],
  [/^removeNulls must be/, 'write `data.removeNulls = false`'],
  [/^Invalid ttl/, 'a ttl is a number of seconds from now, a `Date`, or a text that `Date.parse` reads'],
  [/^Item (already exists|does not exist)/, EXISTS],
  [/^'created' value must be/, '`created` counts seconds: `item.created.getTime() / 1000`'],
  [/integrity check failed/, 'somebody wrote the item since it was read: read it again, then write'],
  [/^'default' must be of the same type/, 'a text, a number, a list and an object are different types'],
  [/^'default' cannot use|cannot be used as a default/, 'give the number itself as default, and add in a call of its own'],
  // Values.
  [/^Value can not be undefined/, 'use `data.remove(key)` to delete, or `{ removeNulls: false }` to store null'],
  [/^Cannot convert an existing object/, 'remove the item first, or write with `{ overwrite: true }`'],
  [/^Item size/, 'an item holds at most 400 KB'],
  [/^Unsupported type passed/, 'dates and class instances cannot be stored inside a value: convert them first (`toISOString()`, `{ ...instance }`)'],
  [/^Pass a non-empty set|^Only Number Set/, 'a Set that is stored has members, all of them numbers, strings or bytes; a list takes anything'],
  [/^Special numeric value/, 'look where the number comes from: NaN and Infinity cannot be stored'],
  [/Number\.(MAX|MIN)_SAFE_INTEGER/, 'write large integers as BigInt (`123n`)'],
  [/wrapNumbers/, 'the stored number has more digits than JavaScript can hold: overwrite it'],
  [/^Cannot convert a Symbol/, 'symbols cannot be stored'],
  [/^Nesting Levels/, 'at most 31 objects and lists can lie in each other'],
  [/^Invalid UpdateExpression: Expression size/, 'write fewer properties at a time, or all with `{ overwrite: true }`'],
  [/^Invalid UpdateExpression: An expression attribute value/, 'functions cannot be stored'],
  // Numbers.
  [/^Values must be numeric/, '`data.add(key, property, number)` takes a number: convert a text with `Number(text)`'],
  [/^'value' must be a number when using \$add/, '`$add` takes a number, as in `data.add(key, 1)`'],
  [/^'\$add' is a reserved/, 'write `{ property: { $add: 1 } }` and nothing beside `$add`'],
  [/^An operand in the update expression/, '`$add` works on numbers only'],
  // The rest.
  [/^Invalid event name/, "the name is `created`, `updated`, `deleted` or `*`, and may be followed by keys: `created:user:*`"],
  [/'#prefix'/, 'call it as a method, `data.get(key)`: taken out of `data` it does not know its table'],
  [/reading 'length'/, '`data.seed` takes a list of items, or the path of a JSON file that holds one'],
  [/^ENOENT/, 'the path of a data file counts from the folder in which the app runs'],
];

/** The hint for an error's message, or undefined. */
function dataHint(message) {
  return HINTS.find(([pattern]) => pattern.test(message))?.[1];
}

module.exports = { dataHint };
