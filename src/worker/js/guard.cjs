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
    leave(1);
  });

  const exit = process.exit;
  const leave = (code) => {
    // Once more behind the app's own `exit` handlers: they may send, too.
    process.on('exit', link.flushAll);
    return exit.call(process, code);
  };
  process.exit = function (code) {
    const place = runtime.callSite(process.exit);
    const shown = code === undefined ? '' : String(code);
    link.sendBare(
      NOTICE,
      JSON.stringify({ level: 'warn', title: `the app called process.exit(${shown})`, place, exit: true, loading: busyLoading }),
    );
    return leave(code);
  };

  process.on('exit', link.flushAll);
  flushBeforeDeath(link);
}

/** Ends without `exit` handlers: what the app has sent before is sent. */
function flushBeforeDeath(link) {
  const { abort, kill } = process;
  process.abort = function () {
    link.flushAll();
    return abort.call(process);
  };
  process.kill = function (pid, signal) {
    if (pid === process.pid) {
      // Any other signal it may survive.
      if (signal === 'SIGKILL' || signal === 9) link.flushAll();
      else link.flush();
    }
    return kill.call(process, pid, signal);
  };
}

function loading(busy) {
  busyLoading = busy;
}

module.exports = { install, loading };
