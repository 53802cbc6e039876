// The time that a handler may take.
'use strict';

const DEFAULT_MS = 5000;
const MOST_MS = 60000;

/** The timeout in milliseconds that a registration's config asks for. */
function timeoutOf(config, quiet) {
  const asked = config?.timeout;
  if (asked === undefined || asked === null) return DEFAULT_MS;
  if (asked > MOST_MS) {
    if (!quiet) console.warn(`Maximum timeout for event handlers is ${MOST_MS} ms`);
    return MOST_MS;
  }
  const timeout = Math.trunc(Number(asked));
  return timeout > 0 ? timeout : DEFAULT_MS;
}

module.exports = { DEFAULT_MS, MOST_MS, timeoutOf };
