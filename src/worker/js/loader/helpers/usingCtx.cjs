'use strict';
// `using` and `await using`, which Node has from version 24 on. The names of the members are those
// that the compiled code uses.

const NO_ERROR = Symbol('no error');

module.exports = function usingCtx() {
  const resources = [];
  const context = {
    /** The error with which the block ended. */
    e: NO_ERROR,
    /** `using` */
    u: (value) => add(value, [Symbol.dispose], false),
    /** `await using` */
    a: (value) => add(value, [Symbol.asyncDispose, Symbol.dispose], true),
    /** Disposes of everything, the last first; gives a promise if something must be waited for. */
    d: disposeAll,
  };

  function add(value, symbols, isAsync) {
    if (value === null || value === undefined) {
      if (isAsync) resources.push({ isAsync });
      return value;
    }
    if (typeof value !== 'object' && typeof value !== 'function') {
      throw new TypeError('using declarations can only be used with objects, functions, null, or undefined');
    }
    const dispose = symbols.map((symbol) => value[symbol]).find((method) => method != null);
    if (typeof dispose !== 'function') throw new TypeError('Object is not disposable');
    resources.push({ value, dispose, isAsync });
    return value;
  }

  function disposeAll() {
    while (resources.length > 0) {
      const { value, dispose, isAsync } = resources.pop();
      try {
        const result = dispose?.call(value);
        if (isAsync) return Promise.resolve(result).then(disposeAll, failAndGoOn);
      } catch (error) {
        note(error);
      }
    }
    if (context.e !== NO_ERROR) throw context.e;
    return undefined;
  }

  function failAndGoOn(error) {
    note(error);
    return disposeAll();
  }

  function note(error) {
    context.e = context.e === NO_ERROR ? error : suppressed(error, context.e);
  }

  return context;
};

function suppressed(error, earlier) {
  if (typeof SuppressedError === 'function') {
    return new SuppressedError(error, earlier, 'An error was suppressed during disposal');
  }
  const both = new Error('An error was suppressed during disposal');
  return Object.assign(both, { name: 'SuppressedError', error, suppressed: earlier });
}
