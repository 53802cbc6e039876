'use strict';
// Node warns of what the emulator does on its own account (types are stripped by us, ES modules
// are required because TypeScript was compiled to CommonJS). That is no news for the user.

const OURS = [
  /^Support for loading ES Module in require\(\)/,
  /loading ES Module .* using require\(\)/,
  /^Type Stripping is an experimental feature/,
  /^Importing JSON modules is an experimental feature/,
  /^`?module\.register\(\)`? is deprecated/,
];

/** Drops these warnings, and no others, in the calling thread. */
function quietWarnings() {
  const original = process.emitWarning;
  process.emitWarning = function emitWarning(warning, ...rest) {
    const text = typeof warning === 'string' ? warning : String(warning?.message);
    if (OURS.some((pattern) => pattern.test(text))) return;
    original.call(this, warning, ...rest);
  };
}

module.exports = { quietWarnings };
