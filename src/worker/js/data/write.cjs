'use strict';
// What `set`, `add` and `seed` ask of the store: every check that only concerns JavaScript values, in
// the package's order. The store checks keys, labels, sizes and conditions; where such a check comes
// before one made here, the request carries what is to be checked and our error waits for the reply.

const { ValidationError, databaseError } = require('./errors.cjs');
const { Marshaller, isPlain, unmarshal, unmarshalObject, echoing } = require('./marshal.cjs');
const { merge } = require('./merge.cjs');
const { SURELY_SHORT, tooLong } = require('./expression.cjs');

// Bits of the mode character, which is 64 plus them.
const MODE = { META: 1, OVERWRITE: 2, TAGGED: 4, SCALAR: 8 };
const LABELS = ['label1', 'label2', 'label3', 'label4', 'label5'];
const TEN_YEARS = 315360000;
const NO_OPTIONS = Object.freeze({});

/** An error found here, and what the store has to check before it counts. */
class Late {
  constructor(error, key, labels) {
    this.error = error;
    this.check = { k: key, l: labels };
  }
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const wellFormed = (text) => (text.isWellFormed() ? text : text.toWellFormed());
const keyText = (key) => (typeof key === 'string' ? wellFormed(key) : '');
const kindOf = (value) => (Array.isArray(value) ? 'array' : typeof value);

/** The number that `{$add: n}` adds. */
function addend(holder) {
  if (Object.keys(holder).length > 1) {
    throw new ValidationError("'$add' is a reserved keyword and must be in an object with a single key of $add");
  }
  // isNaN, not Number.isNaN: null, true and "" count as numbers, a BigInt is a TypeError.
  if (isNaN(holder.$add)) throw new ValidationError("'value' must be a number when using $add");
  return Number(holder.$add);
}

const hasAdd = (value) => isObject(value) && value.$add !== undefined;

/** A ttl as it is given, to what the store takes; undefined if it is not to be touched. */
function ttlOf(ttl, write) {
  if (ttl === undefined) return undefined;
  if (ttl === null) return '-';
  if (Number.isInteger(ttl)) {
    write.numbers.push([ttl, ':ttl', write.marshaller]);
    return ttl < TEN_YEARS ? [ttl] : ttl;
  }
  const parsed = Date.parse(String(ttl));
  if (Number.isNaN(parsed)) throw new ValidationError('Invalid ttl value.');
  return (parsed / 1000) | 0;
}

/** One item on its way to the store. */
class Write {
  /** `isUpdate` tells that the item is merged, not replaced; a batch knows no `created`. */
  constructor(key, options, { removeNulls, isUpdate, isBatch }) {
    this.key = keyText(key);
    this.options = options;
    this.removeNulls = removeNulls;
    this.isBatch = isBatch;
    this.isUpdate = isUpdate;
    this.labels = [];
    this.extra = null;
    /** `created` and `ttl`, which the package marshals before the value. */
    this.numbers = [];
    this.marshaller = new Marshaller(isUpdate);
    this.error = null;
  }

  put(name, value) {
    (this.extra ??= {})[name] = value;
  }

  /** Makes all checks; fills mode and text. */
  prepare(value) {
    const { options } = this;
    if (isObject(value) && Object.hasOwn(value, '$add')) value = this.plus(value);
    value = this.applyDefault(value);
    this.readLabels();
    if (!this.isBatch) this.readCreated();
    const ttl = ttlOf(options.ttl, this);
    if (ttl !== undefined) this.put('t', ttl);
    if (typeof options.exists === 'boolean' && !this.isBatch) this.put('e', options.exists);
    if (isObject(value)) this.readObject(value);
    else this.readScalar(value);
    if (this.marshaller.unmeasurable) throw new TypeError('attr.M.hasOwnProperty is not a function');
    // In a batch, the request as a whole carries the errors.
    if (!this.isBatch && this.own) this.put('f', true);
    this.mode = 64 + (this.isUpdate ? 0 : MODE.OVERWRITE)
      + (this.marshaller.tagged ? MODE.TAGGED : 0) + (this.isScalar ? MODE.SCALAR : 0);
    return this;
  }

  get text() {
    return `[${JSON.stringify(this.key)},${this.extra === null ? 'null' : this.extraText()},${this.json}]`;
  }

  extraText() {
    const { d, ...plain } = this.extra;
    const text = JSON.stringify(plain);
    if (d === undefined) return text;
    return `${text.slice(0, -1)}${text.length > 2 ? ',' : ''}"d":${d}}`;
  }

  /** The error to reject with if the store has none of its own. */
  get own() {
    return this.error ?? this.marshaller.refusal;
  }

  plus(value) {
    const number = addend(value);
    this.isPlus = this.isUpdate;
    return number;
  }

  applyDefault(value) {
    const { options: { default: fallback }, removeNulls } = this;
    this.given = value;
    if (fallback !== undefined && fallback !== null) {
      if (hasAdd(fallback)) {
        throw new ValidationError("'default' cannot use the $add keyword");
      }
      this.fallback = fallback;
      if (value === undefined || value === null) {
        this.ifMissing = true;
        return fallback;
      }
      if (kindOf(value) !== kindOf(fallback)) {
        throw new ValidationError("'default' must be of the same type as the value");
      }
      return isObject(value) ? merge(fallback, value) : value;
    }
    if (value === undefined || (value === null && removeNulls)) {
      throw new ValidationError("Value can not be undefined without setting a 'default'");
    }
    this.ifMissing = value === null;
    return value;
  }

  readLabels() {
    const { options } = this;
    if (options === NO_OPTIONS) return;
    for (let i = 0; i < LABELS.length; i++) {
      if (!(this.isBatch ? Object.hasOwn(options, LABELS[i]) : options.hasOwnProperty(LABELS[i]))) continue;
      const label = options[LABELS[i]];
      let change = '';
      if (label === undefined || label === null) change = null;
      else if (typeof label === 'string') change = wellFormed(label);
      else if (Array.isArray(label)) change = [keyText(label[0])];
      this.labels.push([i + 1, change]);
    }
    if (this.labels.length > 0) this.put('l', this.labels);
  }

  readCreated() {
    const { created } = this.options;
    if (created === undefined) return;
    if (typeof created !== 'number') throw new ValidationError("'created' value must be a number");
    if (!created) return;
    // An update marshals it, too, but does not send it.
    this.numbers.push([created, undefined, this.isUpdate ? new Marshaller(true) : this.marshaller]);
    if (!this.isUpdate) this.put('c', created);
  }

  readScalar(value) {
    this.isScalar = true;
    const { marshaller } = this;
    if (typeof value === 'function') {
      if (this.isUpdate) {
        marshaller.refusal = undefinedValue(':val');
      } else {
        this.isScalar = false;
      }
      this.json = this.isScalar ? 'null' : '{}';
      this.echo = {};
      return;
    }
    this.convertNumbers();
    const tree = marshaller.convert(value, ':val');
    this.json = JSON.stringify(tree);
    if (this.isPlus) {
      this.put('p', String(tree));
      this.json = 'null';
    } else if (this.isUpdate && this.ifMissing) {
      this.put('i', true);
    }
    if (!this.isUpdate) this.echo = this.localCopy(tree, true);
  }

  readObject(value) {
    if (this.isUpdate && this.fallback === undefined && this.isPlainUpdate(value)) {
      this.json = JSON.stringify(value);
      return;
    }
    const names = Object.keys(value);
    const adds = new Map();
    for (const name of names) if (hasAdd(value[name])) adds.set(name, addend(value[name]));
    const sets = Object.create(null);
    const defaults = Object.create(null);
    this.convertNumbers();
    const kinds = names.map((name, index) => (
      this.readProperty(name, value[name], index, adds, sets, defaults)));
    this.checkDefaultAdds(value, names, adds);
    this.json = JSON.stringify(sets);
    if (Object.keys(defaults).length > 0) this.put('d', JSON.stringify(defaults));
    if (!this.isUpdate) this.echo = this.localCopy(sets, false);
    else this.checkExpression(kinds);
  }

  checkExpression(kinds) {
    const isSimple = !this.key.includes(':');
    const error = tooLong(kinds, { isSimple, labels: this.labels, ttl: this.extra?.t });
    if (error) this.marshaller.refusal = error;
  }

  convertNumbers() {
    for (const [number, name, marshaller] of this.numbers) marshaller.number(number, name);
  }

  /** The common case: nothing to remove, nothing to add, nothing that JSON lacks. */
  isPlainUpdate(value) {
    if (!this.numbers.every(([number]) => isPlain(number, 0))) return false;
    if (value.constructor !== Object) return false;
    const names = Object.keys(value);
    if (names.length >= SURELY_SHORT) return false;
    for (let i = 0; i < names.length; i++) {
      const member = value[names[i]];
      if (member === null || names[i] === '__proto__' || !isPlain(member, 0)) return false;
      if (typeof member === 'object' && member.$add !== undefined) return false;
    }
    return true;
  }

  /** Puts a property where it belongs; tells how it changes the item. */
  readProperty(name, member, index, adds, sets, defaults) {
    const { marshaller } = this;
    const attribute = `:a${index}`;
    // An inherited property counts as given, `constructor` for one.
    const onlyDefault = this.fallback !== undefined && this.given?.[name] === undefined
      && (!isObject(this.given) || !Object.hasOwn(this.given, name));
    if (name === '__proto__') marshaller.tagged = true;
    if (member === undefined || (member === null && this.removeNulls)) {
      if (this.isUpdate && !onlyDefault) ((this.extra ??= {}).r ??= []).push(name);
      return 'remove';
    }
    if (typeof member === 'function') {
      if (this.isUpdate) marshaller.refusal ??= undefinedValue(attribute);
      return 'set';
    }
    if (adds.has(name)) {
      const number = marshaller.convert(adds.get(name), attribute);
      if (!this.isUpdate) sets[name] = number;
      else ((this.extra ??= {}).a ??= []).push([name, String(number)]);
      return 'add';
    }
    const tree = marshaller.convert(member, attribute);
    if (this.isUpdate && onlyDefault) {
      defaults[name] = tree;
      return 'default';
    }
    sets[name] = tree;
    return 'set';
  }

  /** `$add` and an object default do not go together in an update, whichever holds it. */
  checkDefaultAdds(value, names, adds) {
    if (!this.isUpdate || !isObject(this.fallback) || adds.size === 0) return;
    const isRemoved = (member) => member === undefined || (member === null && this.removeNulls);
    const [first] = names.filter((name) => !isRemoved(value[name]));
    const [name] = adds.keys();
    // Without a value the package stumbles, unless a property without `$add` comes first.
    const stumbles = (this.given === undefined || this.given === null) && first === name;
    this.error = stumbles
      ? new TypeError(`Cannot read properties of ${this.given} (reading '${name}')`)
      : new ValidationError(`'$add' cannot be used as a default (${name})`);
  }

  /** What a replacing write echoes: the value as it would be read, bytes as they were given. */
  localCopy(tree, isScalar) {
    const { originals, tagged } = this.marshaller;
    if (!tagged) return JSON.parse(JSON.stringify(tree));
    const how = originals ? echoing(originals) : undefined;
    return isScalar ? unmarshal(tree, how) : unmarshalObject(tree, how);
  }
}

const undefinedValue = (name) => databaseError('Invalid UpdateExpression: An expression attribute value '
  + `used in expression is not defined; attribute value: ${name}`);

/** A checked write, or the error with what the store has to check before it. */
function prepareWrite(key, value, options, how) {
  const write = new Write(key, options, how);
  try {
    return write.prepare(value);
  } catch (error) {
    const texts = write.labels.flatMap(([, change]) => (change === null ? [] : [change].flat()));
    return new Late(error, write.key, texts);
  }
}

module.exports = { MODE, LABELS, NO_OPTIONS, Late, prepareWrite, keyText, wellFormed };
