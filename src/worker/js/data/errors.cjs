'use strict';
// Errors as the published package's user sees them.

class ValidationError extends Error {
  constructor(message) {
    super(message);
    this.name = 'ValidationError';
    this.statusCode = 400;
  }
}

/** What the database's client raises; the published package passes it through. */
class _DynamoDBServiceException extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
    this.$fault = 'client';
    this.$metadata = { httpStatusCode: 400, attempts: 1, totalRetryDelay: 0 };
  }
}

/** The store itself failed (a full disk, a damaged file). */
class StoreError extends Error {
  constructor(message) {
    super(message);
    this.name = 'StoreError';
  }
}

/** A refused call's reply: kept as it came until the call that waits for it can throw. */
class Failure {
  /** `trace` shows where the call was made; there may be none. */
  constructor(payload, trace) {
    this.payload = payload;
    this.trace = trace;
  }

  /**
   * The error to throw. `own` is what the caller found itself: it counts only if nothing that is
   * checked before it failed in the store.
   */
  toError(own) {
    const refusal = JSON.parse(this.payload.toString());
    if (refusal.deferred) return own ?? new StoreError('the store deferred to an error that is not there');
    if (refusal.statusCode === 400) return new ValidationError(refusal.message);
    if (refusal.aws) return new _DynamoDBServiceException(refusal.name, refusal.message);
    return refusal.name === 'StoreError' ? new StoreError(refusal.message) : new Error(refusal.message);
  }
}

const databaseError = (message) => new _DynamoDBServiceException('ValidationException', message);

module.exports = { ValidationError, StoreError, Failure, databaseError };
