// `http`: the app's HTTP handlers, fetch-style functions and Node frameworks. They are served on
// a private socket, to which the sandbox passes on what is neither a WebSocket nor the management
// API. What only an app with such handlers needs is loaded with the first one: most have none.
'use strict';
const { createReadStream, existsSync, readFileSync, rmSync, statSync } = require('node:fs');
const { join, normalize, resolve } = require('node:path');
const { Readable } = require('node:stream');
const { aftermath, config, describe, register, reportLeftovers } = require('../runtime.cjs');
const link = require('../link.cjs');

const NOTICE = 10;
const DEFAULT_TIMEOUT_MS = 29000;
const PAGES = { 404: 'Not Found', 500: 'Internal Server Error' };
/** The headers of the app's own pages. */
const PAGE_HEADERS = {
  'content-type': 'text/html',
  'cache-control': 'max-age=0, s-maxage=31449600, must-revalidate',
};

const handlers = [];
const pages = {};
let timeout = DEFAULT_TIMEOUT_MS;
/** The time limit of the request that is being answered; there is none before the first handler. */
let limits;
let listening;

const clean = (prefix) => `/${prefix.split('/').filter(Boolean).join('/')}`;

/** Adds a handler and, with the first one, starts to serve. */
function add(prefix, run) {
  handlers.push({ prefix: prefix === undefined ? '/' : clean(prefix), run });
  serve();
}

function serve() {
  listening ??= new Promise((resolve, reject) => {
    const { AsyncLocalStorage } = require('node:async_hooks');
    limits = new AsyncLocalStorage();
    const socket = `${config.socketBase}-${process.pid}.http`;
    rmSync(socket, { force: true });
    const server = require('node:http').createServer(answer);
    server.keepAliveTimeout = 0;
    server.once('error', reject);
    server.listen(socket, () => {
      server.unref();
      register({ event: 'http', socket });
      resolve();
    });
    process.on('exit', () => rmSync(socket, { force: true }));
  });
}

// ---- kinds of handlers ----

/** What turns a framework's app into a `(req, res)` function; tried in this order. */
const FRAMEWORKS = [
  [(app) => app instanceof require('node:http').Server, (app) => (req, res) => app.emit('request', req, res)],
  [(app) => typeof app.callback === 'function', (app) => app.callback()],
  [(app) => typeof app.handle === 'function', (app) => (req, res) => app.handle(req, res)],
  [(app) => typeof app.handler === 'function', (app) => (req, res) => app.handler(req, res)],
  [(app) => typeof app._onRequest === 'function', (app) => (req, res) => app._onRequest(req, res)],
  [(app) => typeof app === 'function', (app) => app],
  [(app) => typeof app.router?.route === 'function', (app) => (req, res) => app.router.route(req, res)],
  [(app) => typeof app._core?._dispatch === 'function', (app) => app._core._dispatch()],
  [
    (app) => typeof app.ready === 'function' && app.server,
    (app) => async (req, res) => {
      await app.ready();
      app.server.emit('request', req, res);
    },
  ],
  [(app) => typeof app.main === 'function', (app) => (req, res) => app.main(req, res)],
];

function toNodeHandler(app) {
  const found = app && FRAMEWORKS.find(([is]) => is(app));
  if (!found) throw new Error('Unsupported framework');
  return found[1](app);
}

const withPrefix = (use) => (prefix, handler) => {
  if (handler === undefined) return use(undefined, prefix);
  return use(prefix, handler);
};

const use = withPrefix((prefix, handler) => add(prefix, (req, res, last) => runFetch(handler, req, res, last)));
const useNodeHandler = withPrefix((prefix, app) => {
  const handler = toNodeHandler(app);
  add(prefix, (req, res, last) => runNode(handler, req, res, last));
});

// ---- one request ----

const NEXT = { next: true };

/** Runs a fetch-style handler; resolves to NEXT if another one should be tried. */
async function runFetch(handler, req, res, last) {
  const url = new URL(req.url, `http://${req.headers.host ?? 'localhost'}`);
  const headers = new Headers();
  for (let i = 0; i < req.rawHeaders.length; i += 2) headers.append(req.rawHeaders[i], req.rawHeaders[i + 1]);
  const hasBody = req.method !== 'GET' && req.method !== 'HEAD';
  const body = hasBody ? Readable.toWeb(req) : undefined;
  const request = new Request(url, { method: req.method, headers, body, duplex: hasBody ? 'half' : undefined });
  const response = await handler(request, { remoteAddress: req.headers['x-forwarded-for'] });
  if (!response) return NEXT;
  if (response.status === 404 && !last) return { ...NEXT, notFound: () => send(res, response) };
  await send(res, response);
  return undefined;
}

async function send(res, response) {
  // The request may have taken too long meanwhile, or its client may have gone.
  if (res.headersSent || res.destroyed) return response.body?.cancel();
  const body = response.body && Readable.fromWeb(response.body);
  const headers = [...response.headers].filter(([name]) => name !== 'set-cookie');
  res.writeHead(response.status, [...headers.flat(), ...response.headers.getSetCookie().flatMap((c) => ['set-cookie', c])]);
  if (!body) {
    res.end();
    return undefined;
  }
  return require('node:stream/promises').pipeline(body, res).catch((error) => {
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  });
}

/** Runs a Node handler. While others follow, its answer is held until its status is known. */
function runNode(handler, req, res, last) {
  return new Promise((resolve, reject) => {
    const finished = () => resolve(undefined);
    res.once('close', finished);
    if (!last) holdNotFound(res, (notFound) => resolve({ ...NEXT, notFound }));
    Promise.resolve(handler(req, res)).catch(reject);
  });
}

/** Keeps a 404 back: the calls that would send it are noted, and can be replayed. */
function holdNotFound(res, onNotFound) {
  const names = ['writeHead', 'write', 'end'];
  const real = Object.fromEntries(names.map((name) => [name, res[name]]));
  const noted = [];
  const restore = () => names.forEach((name) => delete res[name]);
  for (const name of names) {
    res[name] = function (...args) {
      const status = name === 'writeHead' ? args[0] : res.statusCode;
      if (noted.length === 0 && status !== 404) {
        restore();
        return real[name].apply(res, args);
      }
      noted.push([name, args]);
      if (name === 'end') {
        restore();
        const headers = res.getHeaders();
        for (const header of Object.keys(headers)) res.removeHeader(header);
        res.statusCode = 200;
        onNotFound(() => {
          res.statusCode = 404;
          for (const [header, value] of Object.entries(headers)) res.setHeader(header, value);
          for (const [call, callArgs] of noted) real[call].apply(res, callArgs);
        });
      }
      return name === 'write' ? true : res;
    };
  }
}

/** Answers a request within its time. */
function answer(req, res) {
  const limit = {
    req,
    set(ms) {
      clearTimeout(this.timer);
      // Whoever runs the app ends a request that takes too long; it knows no page of the app's.
      const late = () => fail(req, res, new Error(`the request took longer than ${ms} ms`), plain);
      this.timer = setTimeout(late, ms);
    },
  };
  limit.set(timeout);
  return limits.run(limit, async () => {
    aftermath.begin();
    await runHandlers(req, res);
    clearTimeout(limit.timer);
    reportLeftovers(aftermath.end() ?? []);
  });
}

async function runHandlers(req, res) {
  const path = req.url.split('?')[0];
  try {
    const matching = handlers.filter(({ prefix }) => path.startsWith(prefix));
    let notFound;
    for (const [index, { run }] of matching.entries()) {
      const outcome = await run(req, res, index === matching.length - 1 && !notFound);
      if (outcome === undefined) return;
      notFound ??= outcome.notFound;
    }
    await (notFound ? notFound() : page(res, 404));
  } catch (error) {
    fail(req, res, error);
  }
}

function fail(req, res, error, answerWith = page) {
  tellOf(req, error);
  if (!res.headersSent) answerWith(res, 500);
  else if (!res.writableEnded) res.destroy();
}

function tellOf(req, error) {
  const title = `http ${req.method} ${req.url}`;
  link.sendBare(NOTICE, JSON.stringify({ level: 'error', title, error: describe(error) }));
}

/** Tells of an error in the request that is being answered; whether there is one. */
function tell(error) {
  const req = limits?.getStore()?.req;
  if (req === undefined) return false;
  tellOf(req, error);
  return true;
}

/** The app's own page for a status, or its plain text. */
function page(res, status) {
  const file = pages[status];
  if (file && existsSync(file)) {
    res.writeHead(status, PAGE_HEADERS);
    res.end(readFileSync(file));
  } else {
    plain(res, status);
  }
}

/** A status in plain text. */
function plain(res, status) {
  res.writeHead(status, { 'content-type': 'text/plain;charset=UTF-8' });
  res.end(PAGES[status]);
}

// ---- the rest of the interface ----

function on(name, file) {
  if (!(name in PAGES)) throw new Error(`Unsupported event name for http.on(): ${String(name)}`);
  pages[name] = resolve(file);
  serve();
}

/** A stream of a file below `static/`, wherever `..` would lead; undefined if there is none. */
async function readStaticFile(path) {
  const file = join(process.cwd(), 'static', normalize(`/${path}`));
  return statSync(file, { throwIfNoEntry: false })?.isFile() ? createReadStream(file) : undefined;
}

const http = {
  use,
  useNodeHandler,
  on,
  /** Inside a request the time that this one may take, else the time of all. */
  setTimeout: (ms) => {
    const limit = limits?.getStore();
    if (limit) limit.set(ms);
    else timeout = ms;
  },
  readStaticFile: async (path) => {
    const stream = await readStaticFile(path);
    return stream && Readable.toWeb(stream);
  },
  node: {
    use: useNodeHandler,
    useNodeHandler,
    on: () => {
      throw new Error('http.on() is not supported in node mode');
    },
    readStaticFile,
  },
};

module.exports = { http, PAGE_HEADERS, listening: () => listening, tell };
