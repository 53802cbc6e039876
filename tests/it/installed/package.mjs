// A package that does with bare requests what the published `@ampt/sdk` does with AWS's clients. `ask`
// sends one request and tells what came back.
import { request } from 'https';
const { AWS_ACCESS_KEY_ID: key, AWS_REGION: region } = process.env;
const sign = (service, id = key) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=${id}/20260101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=00`,
});
const lookup = (host, options, done) => done(new Error(`looked up ${host}`));

export const ask = (service, headers, body, { id, method = 'POST', path = '/', host } = {}) => new Promise((resolve, reject) => {
  const options = { method, path, host: host ?? `${service}.${region}.amazonaws.com`, lookup };
  const asking = request({ ...options, headers: { ...sign(service, id), ...headers } }, async (response) => {
    let text = '';
    for await (const chunk of response) text += chunk;
    resolve({ status: response.statusCode, type: response.headers['content-type'], text });
  });
  asking.on('error', (error) => resolve({ error: error.message }));
  asking.end(body);
});

export const queue = (fields) =>
  ask('sqs', { 'content-type': 'application/x-www-form-urlencoded' }, String(new URLSearchParams(fields)));

export const send = (event, DelaySeconds = 0) => queue({
  Action: 'SendMessage', Version: '2012-11-05', QueueUrl: process.env.EVENTS_QUEUE_URL,
  MessageBody: typeof event === 'string' ? event : JSON.stringify(event), DelaySeconds,
});

export const table = (operation, body) =>
  ask('dynamodb', { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `DynamoDB_20120810.${operation}` }, body);

/** As an update writes an event: each attribute under a name of the expression's own. */
export const keep = (event, pk = 'ev_01abcd_0') => {
  const names = { '#md': 'md' };
  const values = { ':md': { N: '1' } };
  Object.entries(event).forEach(([name, value], i) => {
    names[`#a${i}`] = `_${name}`;
    values[`:a${i}`] = typeof value === 'number' ? { N: String(value) } : { S: value };
  });
  const Key = { pk: { S: pk }, sk: { S: String(event.id) } };
  return table('UpdateItem', JSON.stringify({ TableName: 't', Key, ExpressionAttributeNames: names, ExpressionAttributeValues: values }));
};

export const asset = async (path) => {
  const url = `https://bucket.s3.${region}.amazonaws.com/static-assets/${process.env.AMPT_ASSETS_LOCATION}/${path}`;
  const response = await fetch(url, { headers: sign('s3') });
  return [response.status, await response.text()];
};

/** As it serves requests: an error of the handler is written for a collector of logs. */
export const serve = (handler) => listen('fetch', (event) => event.respondWith((async () => {
  try {
    return await handler(event.request);
  } catch ({ name, message, stack }) {
    console.error(JSON.stringify({ msg: 'HTTP handler failed', err: { name, message, stack } }));
    return new Response('Internal Server Error', { status: 500 });
  }
})()));

export const write = (record) => process.stdout.write(JSON.stringify(record) + '\n');

export const listen = addEventListener;
export const count = (...args) => process.telemetry.count(...args);
