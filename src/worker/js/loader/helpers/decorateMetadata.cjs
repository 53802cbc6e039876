'use strict';

/** `emitDecoratorMetadata`: does nothing unless the app has loaded `reflect-metadata`. */
module.exports = function decorateMetadata(key, value) {
  if (typeof Reflect.metadata === 'function') return Reflect.metadata(key, value);
  return undefined;
};
