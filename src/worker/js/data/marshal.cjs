'use strict';
// JavaScript values to the store's JSON text and back.
//
// What JSON lacks becomes an object with one property whose name begins with `$ampt:`:
//   n  a number that a JavaScript number cannot hold (text)      b  bytes (base64)
//   ns ss bs  sets of numbers, strings, bytes                    m  an object that looks like a tag
// Which values are accepted, and the errors for the others, are those of the AWS SDK's marshaller.

const { databaseError } = require('./errors.cjs');

const TAG = '$ampt:';
const MAX_DEPTH = 31;
const LEAST = 1e-130;
const BINARY = new Set([
  'ArrayBuffer', 'Blob', 'Buffer', 'DataView', 'File', 'Int8Array', 'Uint8Array', 'Uint8ClampedArray',
  'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'Float32Array', 'Float64Array',
  'BigInt64Array', 'BigUint64Array',
]);

const UNDERFLOW = 'Number underflow. Attempting to store a number with magnitude smaller than supported range';
const OVERFLOW = 'Number overflow. Attempting to store a number with magnitude larger than supported range';
const DIGITS = 'Attempting to store more than 38 significant digits in a Number';
const NESTING = 'Nesting Levels have exceeded supported limits: '
  + 'Attributes in the item have nested levels beyond supported limit';

const isPlainNumber = (n) => n <= Number.MAX_SAFE_INTEGER && n >= Number.MIN_SAFE_INTEGER
  && (n >= LEAST || n <= -LEAST || n === 0);

/** Whether `JSON.stringify` writes the value just as the store wants it, `depth` levels down. */
function isPlain(value, depth) {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return isPlainNumber(value);
    case 'object':
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth >= MAX_DEPTH) return false;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isPlain(value[i], depth + 1)) return false;
    return true;
  }
  if (value.constructor !== Object) return false;
  const names = Object.keys(value);
  if (names.length === 1 && names[0].startsWith(TAG)) return false;
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (name === '__proto__' || name === 'hasOwnProperty' || !isPlain(value[name], depth + 1)) return false;
  }
  return true;
}

/** One write's way through the marshaller: what it met that changes how the result is read. */
class Marshaller {
  constructor(isUpdate) {
    this.isUpdate = isUpdate;
    this.tagged = false;
    /** The first error that the database, not the marshaller, would raise. */
    this.refusal = null;
    /** Tags of bytes, with the bytes they stand for. */
    this.originals = null;
    /** Whether the package, measuring the item, would call a property instead of a method. */
    this.unmeasurable = false;
  }

  /** Remembers that the database would refuse attribute `name`. */
  refuse(message, name) {
    this.refusal ??= databaseError(this.isUpdate && name
      ? `ExpressionAttributeValues contains invalid value: ${message} for key ${name}` : message);
  }

  /** The tree to be stringified for a value; undefined if it is to be dropped. */
  convert(value, name, depth = 0) {
    if (isPlain(value, depth)) return value;
    const kind = value?.constructor?.name;
    if (Array.isArray(value)) return this.list(value, name, depth);
    if (kind === 'Set') return this.set(value, name);
    if (kind === 'Map') return this.map(value, name, depth);
    if (kind === 'Object' || (typeof value === 'object' && !value.constructor)) {
      return this.map(entriesOf(value), name, depth);
    }
    if (BINARY.has(kind)) return this.binary(value);
    if (typeof value === 'boolean' || kind === 'Boolean') return value.valueOf();
    if (typeof value === 'number' || kind === 'Number') return this.number(value.valueOf(), name);
    if (typeof value === 'bigint') return this.bigint(value, name);
    if (typeof value === 'string' || kind === 'String') return value.toString();
    throw new Error(`Unsupported type passed: ${value}. `
      + 'Pass options.convertClassInstanceToMap=true to marshall typeof object as map attribute.');
  }

  /** Notes the refusal; walks on as the marshaller would, which ends in its errors if there are any. */
  tooDeep(value) {
    if (typeof value === 'object') this.refusal ??= databaseError(NESTING);
    const members = value instanceof Map ? [...value.values()] : Object.values(value);
    for (const member of members) {
      if (typeof member === 'object' && member !== null) this.tooDeep(member);
    }
    return null;
  }

  list(value, name, depth) {
    if (depth >= MAX_DEPTH) return this.tooDeep(value);
    const out = [];
    for (const member of value) {
      if (member !== undefined) out.push(this.convert(member, name, depth + 1));
    }
    return out;
  }

  map(entries, name, depth) {
    const out = Object.create(null);
    if (depth >= MAX_DEPTH) return this.tooDeep(Object.fromEntries(entries));
    for (const [key, member] of entries) {
      // The package's map loses `__proto__` as its own prototype.
      if (member === undefined || typeof member === 'function' || key === '__proto__') continue;
      if (key === 'hasOwnProperty') this.unmeasurable = true;
      out[key] = this.convert(member, name, depth + 1);
    }
    const names = Object.keys(out);
    return names.length === 1 && names[0].startsWith(TAG) ? this.tag('m', out) : out;
  }

  tag(kind, content) {
    this.tagged = true;
    return { [TAG + kind]: content };
  }

  /** Refuses what the marshaller takes for no number; a text may stand for one. */
  checkNumber(number) {
    if (['NaN', 'Infinity', '-Infinity'].includes(number.toString())) {
      throw new Error(`Special numeric value ${number} is not allowed`);
    }
    if (number > Number.MAX_SAFE_INTEGER) {
      throw new Error(`Number ${number} is greater than Number.MAX_SAFE_INTEGER. Use BigInt. `);
    }
    if (number < Number.MIN_SAFE_INTEGER) {
      throw new Error(`Number ${number} is lesser than Number.MIN_SAFE_INTEGER. Use BigInt. `);
    }
  }

  number(number, name) {
    this.checkNumber(number);
    if (!isPlainNumber(number)) this.refuse(UNDERFLOW, name);
    return number;
  }

  bigint(number, name) {
    const text = number.toString();
    const digits = text.replace('-', '');
    if (digits.length > 126) this.refuse(OVERFLOW, name);
    else if (digits.replace(/0+$/, '').length > 38) this.refuse(DIGITS, name);
    const small = Number(number);
    return Number.isSafeInteger(small) ? small : this.tag('n', text);
  }

  binary(value) {
    const bytes = ArrayBuffer.isView(value)
      ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : Buffer.from(value);
    const tag = this.tag('b', bytes.toString('base64'));
    (this.originals ??= new Map()).set(tag, value);
    return tag;
  }

  set(value, name) {
    const members = [...value].filter((member) => member !== undefined);
    if (members.length === 0) {
      throw new Error('Pass a non-empty set, or options.convertEmptyValues=true.');
    }
    const first = members[0];
    if (typeof first === 'number' || typeof first === 'bigint') return this.numberSet(members, name);
    if (BINARY.has(first?.constructor?.name)) {
      return this.tag('bs', members.map((member) => this.binary(member)[`${TAG}b`]));
    }
    if (typeof first === 'string') return this.tag('ss', members.map((member) => member.toString()));
    throw new Error('Only Number Set (NS), Binary Set (BS) or String Set (SS) are allowed.');
  }

  numberSet(members, name) {
    // The first member decides: BigInts are not checked, and what is not a number is made text.
    const isChecked = typeof members[0] === 'number';
    const texts = members.map((member) => {
      const text = member.toString();
      if (isChecked) this.checkNumber(member);
      if (typeof member === 'bigint') this.bigint(member, name);
      else if (typeof member === 'number') this.number(member, name);
      else if (!/^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text)) {
        this.refuse(`The parameter cannot be converted to a numeric value: ${text}`, name);
        return '0';
      }
      return text;
    });
    return this.tag('ns', texts);
  }
}

/** All enumerable properties, inherited ones, too. */
function entriesOf(value) {
  const entries = [];
  for (const name in value) entries.push([name, value[name]]);
  return entries;
}

/** A number from its text; large integers become BigInts. */
function toNumber(text) {
  const number = Number(text);
  if (number <= Number.MAX_SAFE_INTEGER && number >= Number.MIN_SAFE_INTEGER) return number;
  try {
    return BigInt(text);
  } catch {
    throw new Error(`${text} can't be converted to BigInt. Set options.wrapNumbers to get string value.`);
  }
}

const toBytes = (base64) => new Uint8Array(Buffer.from(base64, 'base64'));

/** How tags are read: what becomes of numbers, and of bytes. */
const asRead = { number: toNumber, bytes: (tag) => toBytes(tag[`${TAG}b`]) };
/** In change events large numbers lose their last digits, as JSON does that to them on their way. */
const forEvents = { ...asRead, number: Number };
/** Gives back the very bytes that were written. */
const echoing = (originals) => ({ ...asRead, bytes: (tag) => originals.get(tag) });

/** Reads tags, at any depth. */
function unmarshal(value, how = asRead) {
  if (typeof value !== 'object' || value === null) return value === 0 ? 0 : value; // no -0
  if (Array.isArray(value)) return value.map((member) => unmarshal(member, how));
  const names = Object.keys(value);
  const name = names[0];
  if (names.length !== 1 || !name.startsWith(TAG)) return unmarshalObject(value, how);
  const content = value[name];
  switch (name.slice(TAG.length)) {
    case 'n': return how.number(content);
    case 'b': return how.bytes(value);
    case 'ns': return new Set(content.map(how.number));
    case 'ss': return new Set(content);
    case 'bs': return new Set(content.map(toBytes));
    default: return unmarshalObject(content, how);
  }
}

/** Reads the tags in an object's properties; the object itself is none. */
function unmarshalObject(value, how = asRead) {
  const out = {};
  for (const name of Object.keys(value)) {
    // As in the package, `__proto__` becomes the prototype.
    out[name] = unmarshal(value[name], how);
  }
  return out;
}

module.exports = { Marshaller, isPlain, unmarshal, unmarshalObject, forEvents, echoing };
