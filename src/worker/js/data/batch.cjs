'use strict';
// Several items in one request: batch `set`, and the groups of `seed`.

const { ValidationError } = require('./errors.cjs');
const { LABELS, Late, prepareWrite } = require('./write.cjs');

/** An item of a batch `set`, checked. */
function batchItem(item) {
  if (typeof item.key !== 'string' || item.key === '') {
    throw new ValidationError("A string value of 'key' must be provided in each item");
  }
  if (!Object.hasOwn(item, 'value')) throw new ValidationError("A 'value' must be provided in each item");
  return item;
}

/** An item of `seed`: only these members count, and only if they are truthy. */
function seedItem({ key, value, ttl, ...others }) {
  const item = { key, value };
  if (ttl) item.ttl = ttl;
  for (const label of LABELS) if (others[label]) item[label] = others[label];
  return item;
}

/**
 * The request for a list of items. Errors found here go with what the store has to check before
 * them: the items that come first, then key and labels of the one that is wrong.
 */
function batchRequest(items, removeNulls, read) {
  const writes = [];
  let late = null;
  for (const item of items) {
    const write = prepareItem(item, removeNulls, read);
    if (write instanceof Late) {
      late = write;
      break;
    }
    writes.push(write);
  }
  const own = late?.error ?? writes.find((write) => write.own)?.own;
  const check = own === undefined ? '' : `,"c":${JSON.stringify(late?.check ?? {})}`;
  const list = writes.map((write) => `[${write.mode},${write.text}]`).join();
  return { payload: `{"i":[${list}]${check}}`, writes, own };
}

function prepareItem(item, removeNulls, read) {
  let checked;
  try {
    checked = read(item);
  } catch (error) {
    return new Late(error);
  }
  const how = { removeNulls, isUpdate: false, isBatch: true };
  return prepareWrite(checked.key, checked.value, checked, how);
}

module.exports = { batchRequest, batchItem, seedItem };
