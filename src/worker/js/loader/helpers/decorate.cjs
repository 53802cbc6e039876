'use strict';

/** TypeScript's legacy decorators on a class or a member: the last one is applied first. */
module.exports = function decorate(decorators, target, key, descriptor) {
  const ofMember = arguments.length > 2;
  let result = target;
  // TypeScript passes `null` for a method and `undefined` for a field.
  if (ofMember) result = descriptor === null ? Object.getOwnPropertyDescriptor(target, key) : descriptor;
  for (const decorator of decorators.toReversed()) {
    if (!decorator) continue;
    const replaced = ofMember ? decorator(target, key, result) : decorator(result);
    result = replaced ?? result;
  }
  if (ofMember && result) Object.defineProperty(target, key, result);
  return result;
};
