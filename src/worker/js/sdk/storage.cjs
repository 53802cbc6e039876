// `storage`, which the local sandbox does not have: as in the published package an app can ask for
// one anywhere, and it is the use of it that fails.
'use strict';
const { notAvailable } = require('./missing.cjs');

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

module.exports = { storage };
