// Which calls are worth a stack trace. One costs a few microseconds, which is nothing for a call now
// and then, and too much for each of thousands in a second.
'use strict';

/** So many calls in a row are chosen, and then one in so many milliseconds. */
const BURST = 64;
const REFILL_MS = 5;
const CLOCK_EVERY = 16;

/** A function that tells for each call whether it is chosen. */
function sampler() {
  /** Choices that are left, and when there were last more of them. */
  let left = BURST;
  let filled = 0;
  let skipped = 0;
  return () => {
    if (left === 0) {
      // Reading the clock is what costs most here.
      if (skipped++ % CLOCK_EVERY !== 0) return false;
      const now = performance.now();
      if (now - filled < REFILL_MS) return false;
      left = Math.min(BURST, Math.trunc((now - filled) / REFILL_MS));
      filled = now;
    }
    left--;
    return true;
  };
}

module.exports = { sampler };
