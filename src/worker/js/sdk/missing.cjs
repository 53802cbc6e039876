// Parts of the SDK that the local sandbox does not have.
'use strict';

/** The error for a call to something that is not there yet. */
function notAvailable(name) {
  const error = new Error(`\`${name}\` is not available in the local sandbox yet`);
  error.name = 'NotAvailableError';
  return error;
}

/** A function that can be imported, and fails with its name when it is called or looked into. */
function missing(name) {
  const fail = () => {
    throw notAvailable(name);
  };
  return new Proxy(fail, {
    get(target, property, receiver) {
      if (typeof property === 'symbol' || property === 'then') return Reflect.get(target, property, receiver);
      return missing(`${name}.${property}`);
    },
    apply: fail,
    construct: fail,
  });
}

module.exports = { missing, notAvailable };
