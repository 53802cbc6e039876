'use strict';

/** A parameter's decorator, as a decorator of the method or class. */
module.exports = function decorateParam(index, decorator) {
  return (target, key) => decorator(target, key, index);
};
