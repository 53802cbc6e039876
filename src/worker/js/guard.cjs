// What happens when the user's code throws where nobody catches, or ends the process.
'use strict';

const NOTICE = 10;

let busyLoading = false;

function install(link, runtime) {
  const tell = (title, error) => {
    const described = runtime.describe(error);
    link.sendBare(NOTICE, JSON.stringify({ level: 'error', title, error: described }));
  };

  // As in the cloud, an unhandled rejection is an error of the app; unlike there it does not
  // take the other invocations with it.
  process.on('unhandledRejection', (error) => {
    if (process.listenerCount('unhandledRejection') === 1) tell('unhandled rejection', error);
  });

  process.on('uncaughtException', (error) => {
    if (process.listenerCount('uncaughtException') > 1) return;
    tell('uncaught exception', error);
    // Node's state is undefined after this; a new worker takes over.
    exit.call(process, 1);
  });

  const exit = process.exit;
  process.exit = function (code) {
    const place = runtime.callSite(process.exit);
    const shown = code === undefined ? '' : String(code);
    link.sendBare(
      NOTICE,
      JSON.stringify({ level: 'warn', title: `the app called process.exit(${shown})`, place, exit: true, loading: busyLoading }),
    );
    return exit.call(process, code);
  };

  process.on('exit', () => link.flushAll());
}

function loading(busy) {
  busyLoading = busy;
}

module.exports = { install, loading };
