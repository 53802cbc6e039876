// Parts of the SDK that the local sandbox does not have: they can be imported, and say so when they
// are used.
'use strict';
const { warnOnce } = require('../runtime.cjs');

/** The error for a call to something that is not there yet. */
function notAvailable(name) {
  const error = new Error(`\`${name}\` is not available in the local sandbox yet`);
  error.name = 'NotAvailableError';
  return error;
}

/** A function that can be imported, and fails with its name when it is called or looked into. */
function missing(name) {
  const fail = () => {
    throw notAvailable(name);
  };
  return new Proxy(fail, {
    get(target, property, receiver) {
      if (typeof property === 'symbol' || property === 'then') return Reflect.get(target, property, receiver);
      return missing(`${name}.${property}`);
    },
    apply: fail,
    construct: fail,
  });
}

// ---- `task` and `schedule`: a call fails ----

const task = missing('task');
const schedule = missing('schedule');

class ScheduleError extends Error {
  constructor(message) {
    super(message);
    this.name = 'ScheduleError';
  }
}

// ---- `storage`: an app can ask for one anywhere; what is done with it fails ----

const METHODS = [
  'copy',
  'delete',
  'exists',
  'getDownloadUrl',
  'getUploadUrl',
  'move',
  'read',
  'readBuffer',
  'remove',
  'stat',
  'write',
];

class StorageError extends Error {
  constructor(message) {
    super(message);
    this.name = 'StorageError';
  }
}

class StorageLimitExceededError extends Error {
  name = 'StorageLimitExceeded';
  statusCode = 403;

  constructor() {
    super('Storage limit exceeded');
  }
}

class Storage {
  get public() {
    return new Storage();
  }

  async *list() {
    throw notAvailable('storage');
  }

  on() {
    throw notAvailable('storage');
  }
}

for (const name of METHODS) {
  Storage.prototype[name] = async () => {
    throw notAvailable('storage');
  };
}

const storage = () => new Storage();

// ---- `core`: the running invocation, which the app is not told ----

/** Says that something is undefined; as the published package has it outside of handlers. */
function unknown(name) {
  warnOnce('core', `\`core.${name}\` is undefined in the local sandbox: it does not tell which invocation is running`);
  return undefined;
}

class Core {
  get event() {
    return unknown('event');
  }

  get context() {
    return unknown('context');
  }

  get requestId() {
    return unknown('requestId');
  }
}

module.exports = {
  Core,
  ScheduleError,
  Storage,
  StorageError,
  StorageLimitExceededError,
  core: new Core(),
  notAvailable,
  schedule,
  storage,
  task,
};
