// An app that evaluates the expressions it is sent, with everything of `@ampt/sdk` that works in the
// sandbox in scope, and tells each client what its handlers hear. It runs with either package.
import dns from 'node:dns';
import { core, events, http, params, schedule, storage, task, ws } from '@ampt/sdk';
import { core as corePart } from '@ampt/sdk/core';
import { events as eventsPart } from '@ampt/sdk/events';
import { http as httpPart } from '@ampt/sdk/http';
import { params as paramsPart } from '@ampt/sdk/params';
import scheduleDefault, { ScheduleError, schedule as schedulePart } from '@ampt/sdk/schedule';
import storageDefault, { Storage, StorageError, StorageLimitExceededError, storage as storagePart } from '@ampt/sdk/storage';
import taskDefault, { task as taskPart } from '@ampt/sdk/task';
import { InvalidConnectionError, SocketManager, WebSocketError } from '@ampt/sdk/websockets';

/** Whether each part is the same when it is imported by its own name. */
const isSame = [
  core === corePart,
  events === eventsPart,
  http === httpPart,
  params === paramsPart,
  schedule === schedulePart && schedule === scheduleDefault,
  storage === storagePart && storage === storageDefault,
  task === taskPart && task === taskDefault,
  ws instanceof SocketManager,
];
const errors = [new ScheduleError('s'), new StorageError('x'), new StorageLimitExceededError()];

/** The hosts that anything in this process has looked up, this machine aside. */
const lookups = [];
const { lookup } = dns;
dns.lookup = (host, ...rest) => {
  if (host !== 'localhost') lookups.push(host);
  return lookup(host, ...rest);
};

let client;
/** What was heard, until somebody asks. */
let heard = [];
const hear = (who) => async (event, context) => {
  heard.push({ who, event, context: Object.keys(context) });
  console.log('heard', who, JSON.stringify(event.body));
};

events.on('order', hear('first'));
events.on('order', { timeout: 1000 }, hear('second'));
events.on('custom:order', hear('third'));
events.on('other:order', hear('other'));
events.on('both', hear('before'));
events.on('both', () => {
  throw new RangeError('at once');
});
events.on('both', hear('after'));
events.on('rejects', async () => {
  throw new TypeError('later');
});
events.on('leaves', () => void events.publish('order', 'left'));
events.on('slow', { timeout: 150 }, () => new Promise(() => {}));
events.on('long', { timeout: 70000 }, hear('long'));

http.use('/evaluate', async (request) => Response.json(await evaluate(await request.text())));
http.use('/api', (request, context) => Response.json({ path: new URL(request.url).pathname, context: Object.keys(context) }));
http.use('/missing', () => new Response('the first', { status: 404 }));
http.use('/missing', () => undefined);
http.use('/late', () => new Promise((resolve) => setTimeout(resolve, 20)).then(() => new Response('late')));
http.use('/slow', () => {
  http.setTimeout(50);
  return new Promise(() => {});
});
http.use('/bad', () => {
  throw new RangeError('bad request handler');
});
http.use('/static', async (request) => {
  const stream = await http.readStaticFile(new URL(request.url).pathname.slice('/static/'.length));
  return stream && new Response(stream);
});
http.useNodeHandler('/node', (request, response) => {
  response.writeHead(203, { 'x-one': '1', 'set-cookie': ['a=1', 'b=2'] });
  response.end(`${request.method} ${request.url}`);
});
http.on(500, 'static/500.html');

ws.on('connected', { timeout: 1000 }, (connection) => {
  client = connection;
});
ws.on('message', async (connection, { run }) => {
  await connection.send({ answer: await evaluate(run, connection) });
});

async function evaluate(run, c = client) {
  const take = () => heard.splice(0);
  const scope = { core, events, http, params, schedule, storage, task, ws, c, take, lookups, isSame, errors, Storage, InvalidConnectionError, WebSocketError };
  try {
    const value = await new Function(...Object.keys(scope), `return (async () => (${run}))()`)(...Object.values(scope));
    return { value: value === undefined ? 'undefined' : value };
  } catch (error) {
    const kinds = [error instanceof InvalidConnectionError, error instanceof WebSocketError];
    return { name: error.name, message: error.message, kind: error.constructor.name, kinds };
  }
}
