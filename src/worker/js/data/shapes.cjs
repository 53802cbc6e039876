'use strict';
// Replies of the store to what the package's user gets.

const { unmarshal, unmarshalObject, forEvents } = require('./marshal.cjs');

const PAGE = 0x40;
const ITEM = 0x41;
const TAGGED = 1;
const SCALAR = 2;

/** A value from its parsed JSON and its flags. */
function toValue(json, flags, how) {
  if ((flags & TAGGED) === 0) return json;
  return (flags & SCALAR) === 0 ? unmarshalObject(json, how) : unmarshal(json, how);
}

/** A value from a reply: one byte of flags, then JSON; nothing for undefined. */
function valueOf(reply) {
  if (reply.length === 0) return undefined;
  return toValue(JSON.parse(reply.utf8Slice(1, reply.length)), reply[0] & 3);
}

const date = (seconds) => new Date(seconds * 1000);

/** `{key, value}`, with the metadata if they came. */
function itemOf(list, value = toValue(list[2], list[0])) {
  const item = { key: list[1], value };
  if (list.length > 3) {
    item.created = date(list[3]);
    item.modified = date(list[4]);
    Object.assign(item, list[6]);
    if (list[5] !== null) item.ttl = date(list[5]);
  }
  return item;
}

/** An item of a change event, which has its metadata; its numbers went through plain JSON. */
const changedItem = (list) => itemOf(list, toValue(list[2], list[0], forEvents));

const contentOf = (reply) => JSON.parse(reply.utf8Slice(1, reply.length));

/** Methods and members of arrays that the user's document calls on `{items}`, but the package lacks. */
function listExtras(warn) {
  const extra = (name, get) => ({
    configurable: true,
    get() {
      warn(name);
      return get(this.items);
    },
  });
  const extras = {
    length: extra('length', (items) => items.length),
    [Symbol.iterator]: extra('iteration', (items) => items[Symbol.iterator].bind(items)),
  };
  for (const name of ['map', 'forEach', 'filter']) {
    extras[name] = extra(name, (items) => items[name].bind(items));
  }
  const indexes = [];
  return (page) => {
    const { items } = page;
    Object.defineProperties(page, extras);
    for (let i = 0; i < items.length; i++) {
      Object.defineProperty(page, i, indexes[i] ??= extra(`[${i}]`, (all) => all[i]));
    }
    return page;
  };
}

module.exports = { PAGE, ITEM, valueOf, itemOf, changedItem, contentOf, listExtras };
