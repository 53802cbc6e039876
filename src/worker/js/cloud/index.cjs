// What stands between the published `@ampt/sdk` and AWS. The clients inside it know no other
// endpoint than AWS's; but they sign with the credentials that the sandbox has given the app, which
// are nobody's there. A request that carries them is answered here, by a server that only this
// process can reach, and never leaves it. An app's clients with credentials of their own reach AWS.
'use strict';
const http = require('node:http');
const https = require('node:https');
const { syncBuiltinESMExports } = require('node:module');
const { Readable } = require('node:stream');
const { aftermath } = require('../runtime.cjs');
const { connect } = require('./socket.cjs');

/** The parts of AWS that are here, by their names in the scope of a signature. */
const SERVICES = new Map([
  ['dynamodb', './table.cjs'],
  ['lambda', './runtime-api.cjs'],
  ['s3', './assets.cjs'],
  ['sqs', './queue.cjs'],
]);

const AWS = /\.(?:amazonaws\.com(?:\.cn)?|api\.aws)$/i;
const CREDENTIAL = /\bCredential=([^/,\s]+)\/[^/]*\/[^/]*\/([^/]+)\//;

/** The key id with which the sandbox's own requests are signed. */
const keyId = process.env.AWS_ACCESS_KEY_ID;

/** The part of AWS that a request is for; undefined if it is none of the sandbox's affair. */
function serviceOf(host, authorization) {
  if (!AWS.test(host ?? '')) return undefined;
  const [, key, service] = CREDENTIAL.exec(authorization ?? '') ?? [];
  return key === keyId ? service : undefined;
}

let server;

/** A connection to the server; it begins with the first one. */
function open() {
  server ??= http.createServer(answer);
  const [client, ours] = connect();
  server.emit('connection', ours);
  return client;
}

async function answer(request, response) {
  const { authorization, host } = request.headers;
  const service = serviceOf(host.replace(/:\d+$/, ''), authorization);
  try {
    const body = await bodyOf(request);
    const file = SERVICES.get(service);
    const answered = file && (await require(file).answer(request, body));
    const { status = 200, headers, body: text } = answered ?? refuse(request, service);
    response.writeHead(status, headers);
    if (text instanceof Readable) text.pipe(response);
    else response.end(text);
  } catch (error) {
    response.writeHead(500, { 'content-type': 'text/plain' });
    response.end(String(error));
  }
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The answer to what is not here, in the form that the client reads. */
function refuse({ headers }, service) {
  const code = 'InvalidAccessKeyId';
  const message = `the local sandbox has no \`${service}\` of AWS, and its credentials are no account's: give the client credentials of its own`;
  if (/json/.test(headers['content-type'] ?? '')) {
    const body = JSON.stringify({ __type: code, message });
    return { status: 403, headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-errortype': code }, body };
  }
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  const body = service === 's3' ? error : `<ErrorResponse>${error}</ErrorResponse>`;
  return { status: 403, headers: { 'content-type': 'text/xml' }, body };
}

// ---- work after a return ----

/** What the app called when one of its clients asks something, as it is named in a message. */
const PUBLISHES = new Map([
  ['dynamodb', '`events.publish`'],
  ['sqs', '`events.publish`'],
]);
const MANAGES = new Map([
  ['DELETE', '`ws.close`'],
  ['POST', '`ws.send`'],
]);

const sandbox = new URL(process.env.AMPT_URL).host;

/** The call behind a request to the management API. */
function managing({ hostname, host = hostname, port, path, method } = {}) {
  if (typeof path !== 'string' || !path.startsWith('/@connections/') || `${host}:${port}` !== sandbox) return undefined;
  return MANAGES.get(method);
}

/** Notes a request whose end somebody should wait for; where the app called is not known. */
function note(what, request) {
  const operation = what && aftermath.start(what, note);
  if (operation !== undefined) request.once('response', () => aftermath.finish(operation));
  return request;
}

// ---- the ways out of the process ----

/** A header of an object of them, or of a list of names and values. */
function headerOf(headers, wanted) {
  for (const name in headers) if (name.toLowerCase() === wanted) return String(headers[name]);
  return undefined;
}

/** Has the AWS clients' requests answered here. */
function install() {
  const { request } = http;
  const here = ({ method, path, headers, hostname, host = hostname }, callback) =>
    request({ method, path, headers: { host, ...headers }, createConnection: open }, callback);
  for (const module of [http, https]) {
    const real = module.request;
    module.request = function (...args) {
      const [options, callback] = args;
      const { hostname, host = hostname, headers } = options ?? {};
      const service = serviceOf(host, headerOf(headers, 'authorization'));
      const asking = service === undefined ? real.apply(this, args) : here(options, callback);
      // Without a function for it, nobody reads the response, and its end does not come.
      if (typeof callback !== 'function') return asking;
      return note(service === undefined ? managing(options) : PUBLISHES.get(service), asking);
    };
    module.get = function (...args) {
      const asking = module.request(...args);
      asking.end();
      return asking;
    };
  }
  syncBuiltinESMExports();
  const real = globalThis.fetch;
  globalThis.fetch = async function fetch(...args) {
    const [input, init] = args;
    const isAsked = input instanceof Request;
    const headers = new Headers(init?.headers ?? (isAsked ? input.headers : undefined));
    const url = isAsked ? input.url : String(input);
    const host = URL.canParse?.(url) === false ? undefined : new URL(url).hostname;
    if (serviceOf(host, headers.get('authorization')) === undefined) return real.apply(this, args);
    return fetchHere(new Request(...args));
  };
}

async function fetchHere(request) {
  const { host, pathname, search } = new URL(request.url);
  const body = Buffer.from(await request.arrayBuffer());
  const headers = { ...Object.fromEntries(request.headers), host, 'content-length': body.length };
  return new Promise((resolve, reject) => {
    const asking = http.request(
      { method: request.method, path: pathname + search, headers, createConnection: open },
      (response) => {
        const hasBody = ![204, 304].includes(response.statusCode) && request.method !== 'HEAD';
        const options = { status: response.statusCode, headers: response.headers };
        resolve(new Response(hasBody ? Readable.toWeb(response) : null, options));
      },
    );
    asking.once('error', reject);
    asking.end(body);
  });
}

module.exports = { install };
