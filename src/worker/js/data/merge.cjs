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
    const hasDefault = typeof defaults === 'object' && defaults !== null && name in defaults;
    // What an object inherits (`constructor`, `__proto__`) is not to be replaced.
    if (hasDefault && !Object.hasOwn(defaults, name)) continue;
    const member = value[name];
    put(name, hasDefault && isMergeable(member) ? mergeMember(defaults[name], member) : clone(member));
  }
  return out;
}

function mergeMember(fallback, member) {
  return Array.isArray(fallback) || Array.isArray(member) ? clone(member) : merge(fallback, member);
}

module.exports = { merge };
