'use strict';
// The `Data` class: `@ampt/data` as an app sees it, over the store.

const { readFile } = require('node:fs/promises');
const { ValidationError, Failure } = require('./errors.cjs');
const { ITEM, PAGE, valueOf, itemOf, contentOf, listExtras } = require('./shapes.cjs');
const { MODE, NO_OPTIONS, Late, prepareWrite, keyText } = require('./write.cjs');
const { batchRequest, batchItem, seedItem } = require('./batch.cjs');
const { readRequest, startError, scanRequest, projected, inSegment } = require('./read.cjs');
const { register } = require('./on.cjs');

const OP = {
  GET: 16, READ: 17, BATCH_GET: 18, SET: 19, BATCH_SET: 20, REMOVE: 21, BATCH_REMOVE: 22, SCAN: 23,
  TRUNCATE: 24, CHECK: 25,
};
const IS_WRITE = [];
for (const op of [OP.SET, OP.BATCH_SET, OP.REMOVE, OP.BATCH_REMOVE, OP.TRUNCATE]) IS_WRITE[op] = true;
const OTHER_TABLE = 24;
const MAX_BATCH = 25;
const SEED_GROUPS = 4;
const DEFAULT_TABLE = '';
/** Said at import; as in the published package nothing is refused. */
const DISABLED = "You've exceeded your data write quota for the month. Writes are disabled.";
const HOST = Symbol.for('ampt-ws.host');

function checkBatch(list, what, verb) {
  if (list.length === 0) throw new ValidationError(`You must provide at least one ${what}`);
  if (list.length > MAX_BATCH) {
    throw new ValidationError(`You may only provide a maximum of ${MAX_BATCH} ${what}s in one batch ${verb} request`);
  }
}

/** The tables that the app's environment names; the first is the default one. */
function tablesOf(json) {
  try {
    const tables = JSON.parse(json ?? '[]');
    return Array.isArray(tables) ? tables : [];
  } catch {
    return [];
  }
}

/** Stands where the published package keeps its DynamoDB client. */
const localClient = () => ({
  async send() {
    throw new Error('@ampt/data runs on the local sandbox here: there is no DynamoDB client behind it');
  },
});

/** Makes the package's `data` and `Data`. */
function createData() {
  const host = globalThis[HOST];
  if (process.env.AMPT_DISABLED_DATA_WRITE === 'true') console.warn(DISABLED);
  const warnList = (name) => host.warnOnce?.('data-list', `the result of \`data.get\` with several items is \`{ items }\`: `
    + `\`${name}\` works here only; in the published package write \`.items\` before it`);
  const withExtras = listExtras(warnList);
  const [defaultTable = 'local'] = tablesOf(process.env.AMPT_DATA_TABLES);

  /** One round trip: the reply's bytes, or a Failure. */
  const call = (op, payload, trace, resolve) => host.request(op, payload, (status, reply) => {
    resolve(status === 0 ? reply : new Failure(reply, trace));
  });
  const ask = (prefix, op, payload) => new Promise((done) => {
    let resolve = done;
    let trace;
    if (IS_WRITE[op] && host.aftermath) {
      const operation = host.aftermath.start('a write to `data`', ask);
      if (operation !== undefined) {
        trace = operation.trace;
        resolve = (reply) => {
          host.aftermath.finish(operation);
          done(reply);
        };
      }
    }
    trace ??= host.trace?.(ask);
    if (prefix === DEFAULT_TABLE) call(op, payload, trace, resolve);
    else call(op + OTHER_TABLE, prefix + payload, trace, resolve);
  });

  /** A data file's content; `trace` shows who wants it. */
  const readItems = async (path, trace) => {
    try {
      return JSON.parse(await readFile(path, 'utf8'));
    } catch (error) {
      throw host.calledAt?.(error, trace) ?? error;
    }
  };

  /** A page with `next`, which goes on by writing `start` into the caller's own options. */
  const toPage = (reply, next) => {
    const content = contentOf(reply);
    const page = { items: content.items.map((item) => itemOf(item)) };
    if (content.lastKey !== undefined) {
      page.lastKey = content.lastKey;
      page.next = () => next(content.lastKey);
    }
    return page;
  };

  class Data {
    #prefix;

    constructor({ table = defaultTable, client } = {}) {
      this.table = table;
      this.client = client ?? localClient();
      this._removeNulls = true;
      this.#prefix = table === defaultTable ? DEFAULT_TABLE : JSON.stringify(String(table));
    }

    static table(name) {
      return new Data({ table: name });
    }

    get removeNulls() {
      return this._removeNulls;
    }

    set removeNulls(value) {
      if (typeof value !== 'boolean') throw new Error('removeNulls must be a boolean value');
      this._removeNulls = value;
    }

    async get(key, options) {
      if (Array.isArray(key)) return this.#batchGet(key, options);
      if (options === undefined) {
        const reply = await ask(this.#prefix, OP.GET, keyText(key));
        if (reply instanceof Failure) throw this.#refused(reply);
        if (reply.length > 0 && reply[0] === PAGE) return this.#list(reply, key, {});
        return valueOf(reply);
      }
      if (typeof options === 'boolean') options = { meta: true };
      const request = readRequest(key, options);
      const reply = await ask(this.#prefix, OP.READ, JSON.stringify(request));
      if (reply instanceof Failure) throw this.#refused(reply, request.f && startError());
      if (reply.length > 0 && reply[0] === PAGE) return this.#list(reply, key, options);
      if (reply.length > 0 && reply[0] === ITEM) return itemOf(contentOf(reply));
      return valueOf(reply);
    }

    /** The page that a reply holds. */
    #list(reply, key, options) {
      return withExtras(toPage(reply, (lastKey) => {
        options.start = lastKey;
        return this.get(key, options);
      }));
    }

    async getByLabel(label, key, options = {}) {
      if (typeof options === 'boolean') options = { meta: options };
      return this.get(key, Object.assign(options, { label }));
    }

    async #batchGet(keys, options = {}) {
      if (typeof options === 'boolean') options = { meta: true };
      const { meta, ...others } = options;
      const names = Object.keys(others);
      if (names.length > 0) {
        throw new ValidationError(`Invalid options for batch get request: ${names.join(', ')}`);
      }
      checkBatch(keys, 'key', 'get');
      const request = JSON.stringify({ k: keys.map(keyText), m: Boolean(meta) });
      const reply = await ask(this.#prefix, OP.BATCH_GET, request);
      if (reply instanceof Failure) throw this.#refused(reply);
      return withExtras(toPage(reply));
    }

    async scan(options = {}) {
      if (typeof options === 'boolean') options = { meta: options };
      const request = scanRequest(options);
      const reply = await ask(this.#prefix, OP.SCAN, JSON.stringify(request));
      if (reply instanceof Failure) throw this.#refused(reply);
      const page = toPage(reply, (lastKey) => {
        options.start = lastKey;
        return this.scan(options);
      });
      page.items = page.items.filter(inSegment(options));
      if (options.attributes) page.items = page.items.map(projected(options));
      return withExtras(page);
    }

    async set(key, value, options) {
      if (options !== undefined && options !== null && typeof options !== 'boolean'
        && (typeof options !== 'object' || Array.isArray(options))) {
        throw new Error("'options' must be a boolean or object");
      }
      if (Array.isArray(key)) return this.#batchSet(key, value);
      if (!this._removeNulls) {
        const given = typeof options === 'boolean' ? { meta: options } : options;
        options = { removeNulls: false, ...given };
      }
      // A quirk of the package: `false` means metadata, too.
      if (typeof options === 'boolean') options = { meta: true };
      return this.#write(key, value, options ?? NO_OPTIONS);
    }

    async add(key, property, number, options) {
      let value;
      if (typeof property === 'string') {
        if (typeof number !== 'number') throw new Error('Values must be numeric');
        value = { [property]: { $add: number } };
      } else {
        value = { $add: property };
        options = number;
      }
      if (Array.isArray(key)) return this.#batchSet(key, value);
      if (typeof options === 'boolean') options = { meta: true };
      if (typeof options !== 'object' || options === null) options = NO_OPTIONS;
      const result = await this.#write(key, value, options);
      return result || undefined;
    }

    async #write(key, value, options) {
      const isUpdate = options.overwrite !== true;
      const removeNulls = options.removeNulls !== false;
      const meta = options.meta === true;
      const write = prepareWrite(key, value, options, { removeNulls, isUpdate, isBatch: false });
      if (write instanceof Late) throw await this.#late(write);
      const mode = String.fromCharCode(write.mode + (meta ? MODE.META : 0));
      const reply = await ask(this.#prefix, OP.SET, mode + write.text);
      if (reply instanceof Failure) throw this.#refused(reply, write.own);
      if (isUpdate) return meta ? itemOf(contentOf(reply)) : valueOf(reply);
      return meta ? itemOf(contentOf(reply), write.echo) : write.echo;
    }

    /** The store's own objections come first, then the error found here. */
    async #late(late) {
      const reply = await ask(this.#prefix, OP.CHECK, JSON.stringify(late.check));
      return reply instanceof Failure ? this.#refused(reply, late.error) : late.error;
    }

    async #batchSet(items, options) {
      checkBatch(items, 'item', 'set');
      const meta = typeof options === 'boolean' || options?.meta === true;
      const removeNulls = options?.removeNulls !== false;
      const written = await this.#replaceAll(items, removeNulls, batchItem);
      return {
        items: written.map(([list, echo]) => {
          const item = itemOf(list, echo);
          return meta ? item : { key: item.key, value: item.value };
        }),
      };
    }

    /** Replaces up to 25 items at once; gives `[metadata, value]` of each. */
    async #replaceAll(items, removeNulls, read) {
      const { payload, writes, own } = batchRequest(items, removeNulls, read);
      const reply = await ask(this.#prefix, OP.BATCH_SET, payload);
      if (reply instanceof Failure) throw this.#refused(reply, own);
      return contentOf(reply).map((meta, i) => [meta, writes[i].echo]);
    }

    async remove(key) {
      if (Array.isArray(key)) {
        checkBatch(key, 'key', 'remove');
        const reply = await ask(this.#prefix, OP.BATCH_REMOVE, JSON.stringify(key.map(keyText)));
        if (reply instanceof Failure) throw this.#refused(reply);
        // The published package misreads the empty list of unprocessed keys.
        return false;
      }
      const reply = await ask(this.#prefix, OP.REMOVE, keyText(key));
      if (reply instanceof Failure) throw this.#refused(reply);
      return true;
    }

    async seed(items, options) {
      if (typeof items === 'string') items = await readItems(items, host.trace?.(this.seed));
      const count = items.length;
      if (options === true || options?.overwrite) await this.truncate();
      const groups = [];
      for (let i = 0; i < count; i += MAX_BATCH) groups.push(items.slice(i, i + MAX_BATCH));
      for (let i = 0; i < groups.length; i += SEED_GROUPS) {
        const some = groups.slice(i, i + SEED_GROUPS);
        await Promise.all(some.map((group) => this.#replaceAll(group, true, seedItem)));
      }
      return { items: count };
    }

    async truncate() {
      const reply = await ask(this.#prefix, OP.TRUNCATE, '');
      if (reply instanceof Failure) throw this.#refused(reply);
      return { total: Number(reply.latin1Slice(0, reply.length)) };
    }

    on(...args) {
      register(host, ...args);
    }

    /** Made where the call's promise is awaited, so that the stack shows the user's line if it can. */
    #refused(failure, own) {
      const error = failure.toError(own);
      host.calledAt?.(error, failure.trace, error !== own);
      return error;
    }
  }

  const data = new Data();
  return { data, Data };
}

module.exports = { createData };
