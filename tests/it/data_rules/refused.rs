//! Calls that are refused.

/// A call, the beginning of its error's text, and a part of the hint.
pub const REFUSED: [(&str, &str, &str); 42] = [
    (
        "data.get('a:')",
        "Invalid key",
        "each part at most 256 bytes",
    ),
    (
        "data.set('n:a*', 1)",
        "Invalid key: Key names in collections cannot contain",
        "for queries",
    ),
    (
        "data.get('n:a*b')",
        "Wildcards ('*') can only",
        "`namespace:prefix*`",
    ),
    (
        "data.get('n:<=')",
        "You must supply a key name after '<='",
        "needs a bound",
    ),
    (
        "data.get('n:b|a')",
        "Invalid KeyConditionExpression: The BETWEEN operator",
        "lower bound comes first",
    ),
    (
        "data.get('n:*', { limit: 2000 })",
        "'limit' must be between 1 and 1000",
        "`next()`",
    ),
    (
        "data.get('n:*', { start: 'm:1' })",
        "The provided starting key is outside",
        "`lastKey`",
    ),
    (
        "data.getByLabel('label9', 'a')",
        "Labels must be specified",
        "`data.getByLabel('label1', 'key')`",
    ),
    (
        "data.getByLabel(1, 'a')",
        "label.match is not a function",
        "`data.getByLabel('label1', 'key')`",
    ),
    (
        "data.get('a', null)",
        "Cannot read properties of null (reading 'meta')",
        "may not be null",
    ),
    (
        "data.getByLabel('label1', 'a', null)",
        "Cannot convert undefined or null to object",
        "may not be null",
    ),
    (
        "data.get(['a'], null)",
        "Cannot destructure property 'meta'",
        "may not be null",
    ),
    (
        "data.get([])",
        "You must provide at least one key",
        "is empty",
    ),
    (
        "data.remove(Array(26).fill('a'))",
        "You may only provide a maximum of 25",
        "groups of 25",
    ),
    (
        "data.get(['a'], { limit: 1 })",
        "Invalid options for batch get",
        "only `meta`",
    ),
    (
        "data.set([{ value: 1 }])",
        "A string value of 'key' must be",
        "looks like",
    ),
    (
        "data.get(['a', 'a:0'])",
        "Provided list of item keys contains duplicates",
        "the same item",
    ),
    (
        "data.remove('n:*')",
        "You cannot delete items using conditionals",
        "read the items first",
    ),
    (
        "data.set('a', 1, 'overwrite')",
        "'options' must be a boolean or object",
        "`{ overwrite: true }`",
    ),
    (
        "data.set('a')",
        "Value can not be undefined",
        "`data.remove(key)`",
    ),
    (
        "data.set('a', 1, { ttl: 'soon' })",
        "Invalid ttl value.",
        "number of seconds",
    ),
    (
        "data.set('none', 1, { exists: true })",
        "Item does not exist",
        "`exists`",
    ),
    (
        "data.set('a', 1, { overwrite: true, created: 5 })",
        "The 'created' date integrity check failed",
        "read it again",
    ),
    (
        "data.set('a', 1, { created: '5' })",
        "'created' value must be a number",
        "seconds",
    ),
    (
        "data.set('a', 1, { default: 'x' })",
        "'default' must be of the same type",
        "different types",
    ),
    (
        "data.set('a', 1, { default: { $add: 1 } })",
        "'default' cannot use the $add keyword",
        "of its own",
    ),
    (
        "data.set('a', NaN)",
        "Special numeric value NaN is not allowed",
        "cannot be stored",
    ),
    (
        "data.set('a', 2 ** 53)",
        "Number 9007199254740992 is greater than",
        "BigInt",
    ),
    (
        "data.set('a', { at: new Date(0) })",
        "Unsupported type passed",
        "convert them first",
    ),
    (
        "data.set('a', { s: new Set() })",
        "Pass a non-empty set",
        "has members",
    ),
    (
        "data.set('a', Symbol('s'))",
        "Cannot convert a Symbol value",
        "cannot be stored",
    ),
    (
        "data.set('a', () => {})",
        "Invalid UpdateExpression",
        "functions cannot be stored",
    ),
    (
        "data.set('a', 'x'.repeat(500000))",
        "Item size of 488.31 KB is greater",
        "400 KB",
    ),
    (
        "data.add('a', 'p', '1')",
        "Values must be numeric",
        "`Number(text)`",
    ),
    (
        "data.add('a', {})",
        "'value' must be a number when using $add",
        "takes a number",
    ),
    (
        "data.set('a', { p: { $add: 1, x: 1 } })",
        "'$add' is a reserved keyword",
        "nothing beside",
    ),
    (
        "data.set('t', 'text').then(() => data.add('t', 1))",
        "An operand in the update expression",
        "on numbers only",
    ),
    (
        "data.set('o', {}).then(() => data.set('o', 'text'))",
        "Cannot convert an existing object",
        "`{ overwrite: true }`",
    ),
    (
        "data.seed()",
        "Cannot read properties of undefined (reading 'length')",
        "list of items",
    ),
    (
        "data.seed('/nope.json')",
        "ENOENT",
        "folder in which the app runs",
    ),
    (
        "data.on('nope', () => {})",
        "Invalid event name: nope",
        "`created`",
    ),
    (
        "{ data.removeNulls = 1 }",
        "removeNulls must be a boolean value",
        "`data.removeNulls = false`",
    ),
];
