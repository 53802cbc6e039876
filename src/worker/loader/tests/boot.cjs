'use strict';
// The least that stands in for the emulator's own start: hooks, the app, a verdict on stdout.
const path = require('node:path');
const { appDir, entry, runtimeDir, sdk, warm } = JSON.parse(process.argv[2]);
const loader = require(path.join(runtimeDir, 'loader', 'index.cjs'));
loader.install({ appDir, runtimeDir, sdk, fd: 3 });
globalThis.describe = (error, options) => loader.errors.describe(error, options);
globalThis.callSite = (skip) => loader.errors.callSite(skip);
(async () => {
  if (warm) await loader.warm();
  let verdict;
  try {
    const start = performance.now();
    await loader.loadEntry(entry);
    verdict = { ok: true, ms: performance.now() - start };
  } catch (error) {
    verdict = { ok: false, error: loader.errors.describe(error) };
  }
  console.log(`\u0000${JSON.stringify(verdict)}`);
})();
