'use strict';
const { Storage, StorageError, StorageLimitExceededError, storage } = require('./missing.cjs');

module.exports = { Storage, StorageError, StorageLimitExceededError, storage };
