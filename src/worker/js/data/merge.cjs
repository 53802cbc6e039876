'use strict';
// How the package merges a default into a value: deep, the value wins, arrays are not merged.

const isMergeable = (value) => typeof value === 'object' && value !== null
  && !(value instanceof Date) && !(value instanceof RegExp);

const clone = (value) => (isMergeable(value) && !Array.isArray(value) ? merge({}, value) : value);

/** A new object: `defaults` first, then what `value` has. Instances, Maps and Sets become plain objects. */
function merge(defaults, value) {
  const out = {};
  const put = (name, member) => Object.defineProperty(out, name, {
    value: member, writable: true, enumerable: true, configurable: true,
  });
  if (isMergeable(defaults)) for (const name of Object.keys(defaults)) put(name, clone(defaults[name]));
  for (const name of Object.keys(value)) {
    const member = value[name];
    const both = Object.hasOwn(out, name) && isMergeable(member) && isMergeable(defaults[name])
      && Array.isArray(member) === Array.isArray(defaults[name]) && !Array.isArray(member);
    put(name, both ? merge(defaults[name], member) : clone(member));
  }
  return out;
}

module.exports = { merge };
