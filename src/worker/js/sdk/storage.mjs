import sdk from './storage.cjs';

export const { Storage, StorageError, StorageLimitExceededError, storage } = sdk;
export default sdk.storage;
