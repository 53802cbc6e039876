'use strict';
// How long the expression of an updating `set` is in the published package. The database limits it,
// which bounds the root properties of one call.

const { databaseError } = require('./errors.cjs');

const MAX_EXPRESSION = 4096;
/** Fewer properties than this always fit. */
const SURELY_SHORT = 100;

const digits = (number) => String(number).length;

/** Each attribute's clause without the list's comma, by the digits of its number. */
const CLAUSE = {
  set: (n) => 7 + 2 * n, // #a1 = :a1
  default: (n) => 25 + 3 * n, // #a1 = if_not_exists(#a1,:a1)
  add: (n) => 5 + 2 * n, // #a1 :a1
  remove: (n) => 2 + n, // #a1
};

/** The lengths of the clauses that everything but the value takes, by their list. */
function otherClauses(isSimple, labels, ttl) {
  const SET = ['#ct = if_not_exists(#ct,:ct), #md = :md'.length];
  const REMOVE = ['#val'.length];
  if (isSimple) SET.push('#kv = :kv'.length);
  else REMOVE.push('#kv'.length);
  for (const [, change] of labels) {
    const [name] = [change].flat();
    if (name === null) {
      REMOVE.push(4, 4, 4);
    } else if (Array.isArray(change)) {
      SET.push(63, 31);
    } else {
      SET.push('#pk1 = :pk1, #sk1 = :sk1'.length);
      if (name.includes(':')) REMOVE.push('#kv1'.length);
      else SET.push('#kv1 = :kv1'.length);
    }
  }
  if (ttl === '-') REMOVE.push('#ttl'.length);
  else if (ttl !== undefined) SET.push('#ttl = :ttl'.length);
  return { SET, REMOVE, ADD: [] };
}

/** The error for an update that says too much, or undefined. `kinds` are its properties', in order. */
function tooLong(kinds, { isSimple, labels, ttl }) {
  if (kinds.length < SURELY_SHORT) return undefined;
  const lists = otherClauses(isSimple, labels, ttl);
  kinds.forEach((kind, index) => {
    const list = kind === 'remove' ? lists.REMOVE : kind === 'add' ? lists.ADD : lists.SET;
    list.push(CLAUSE[kind](digits(index)));
  });
  let size = 0;
  for (const [name, list] of Object.entries(lists)) {
    if (list.length === 0) continue;
    // The keyword with a blank on each side, and commas.
    size += name.length + 2 + list.length - 1;
    for (const length of list) size += length;
  }
  size -= 1; // no blank before the first keyword
  if (size <= MAX_EXPRESSION) return undefined;
  return databaseError('Invalid UpdateExpression: Expression size has exceeded the maximum allowed size; '
    + `expression size: ${size}`);
}

module.exports = { SURELY_SHORT, tooLong };
