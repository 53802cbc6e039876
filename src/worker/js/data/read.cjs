'use strict';
// What `get`, `getByLabel` and `scan` ask of the store.

const { ValidationError, databaseError } = require('./errors.cjs');
const { LABELS, keyText } = require('./write.cjs');

/** Words that the database refuses as bare attribute names in a projection. */
const RESERVED = new Set(['ttl', 'key', 'value', 'values', 'name', 'names', 'status', 'date', 'time', 'timestamp',
  'type', 'data', 'count', 'size', 'user', 'users', 'index', 'order', 'group', 'items', 'list', 'map', 'set', 'get',
  'text', 'number', 'state', 'role', 'region', 'zone', 'year', 'month', 'day', 'hour', 'minute', 'second', 'table']);

/** A label's number: 0 for a falsy one, undefined for none. */
function labelNumber(label) {
  if (label === undefined) return undefined;
  if (!label) return 0;
  const match = label.match(/^(?:label)?([1-5])$/);
  if (!match) throw new ValidationError("Labels must be specified as 'label1' through 'label5'.");
  return Number(match[1]);
}

/** A limit for the store; 0 for one that it is to refuse (after it has checked the key). */
function limitOf(limit) {
  if (!limit) return undefined;
  return Number.isInteger(limit) && limit >= 1 && limit <= 1000 ? limit : 0;
}

const startOf = (start) => (start ? keyText(start) : undefined);

/** The request of a `get` with options. */
function readRequest(key, options) {
  const meta = options.meta; // in this form: for null, it makes the package's own TypeError
  const label = labelNumber(options.label);
  return {
    k: keyText(key),
    l: label || undefined,
    p: label === 0 || undefined,
    n: limitOf(options.limit),
    r: options.reverse === true || undefined,
    s: startOf(options.start),
    f: label && options.start && typeof options.start !== 'string' ? true : undefined,
    m: Boolean(meta),
  };
}

/** What the package throws for a label search's start that is no string. */
const startError = () => new TypeError('key.split is not a function or its return value is not iterable');

/** The request of a `scan`. */
function scanRequest(options) {
  const meta = options.meta;
  const { segment, totalSegments, attributes } = options;
  const request = {
    l: labelNumber(options.label || undefined),
    n: limitOf(options.limit),
    s: startOf(options.start),
    m: Boolean(meta || attributes),
  };
  if (request.n === 0) throw new ValidationError("'limit' must be between 1 and 1000");
  if (segment && totalSegments && segment >= totalSegments) {
    throw databaseError('The Segment parameter is zero-based and must be less than parameter TotalSegments: '
      + `Segment: ${segment} is not less than TotalSegments: ${totalSegments}`);
  }
  for (const name of attributes ?? []) {
    if (RESERVED.has(String(name).toLowerCase())) {
      throw databaseError('Invalid ProjectionExpression: Attribute name is a reserved keyword; '
        + `reserved keyword: ${name}`);
    }
  }
  return request;
}

/** Which items belong to the asked segment; a segment of 0 is dropped, so that it means all. */
function inSegment({ segment, totalSegments }) {
  if (!segment || !totalSegments) return () => true;
  return ({ key }) => {
    let hash = 0;
    for (const char of key.split(':', 1)[0]) hash = (Math.imul(hash, 31) + char.codePointAt(0)) | 0;
    return (hash >>> 0) % totalSegments === segment;
  };
}

/** An item with only the raw attributes that were asked for; `pk` and `sk` always are. */
function projected({ attributes, meta }) {
  const names = new Set(attributes);
  return ({ key, value, ...fields }) => {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    const item = {
      key: key.includes(':') || names.has('kv') ? key : `${key}:0`,
      value: isObject ? pick(value, names) : names.has('val') ? value : {},
    };
    if (meta) Object.assign(item, projectedFields(fields, names));
    return item;
  };
}

const pick = (value, names) => Object.fromEntries(
  Object.entries(value).filter(([name]) => names.has(`_${name}`)));

function projectedFields(fields, names) {
  const out = {};
  if (names.has('ct')) out.created = fields.created;
  if (names.has('md')) out.modified = fields.modified;
  LABELS.forEach((label, i) => {
    if (fields[label] !== undefined && names.has(`pk${i + 1}`)) out[label] = fields[label];
  });
  return out;
}

module.exports = { readRequest, startError, scanRequest, inSegment, projected };
