// The table in which the published `@ampt/sdk` keeps events that are due later than in 15 minutes:
// DynamoDB's `UpdateItem` of such an item, from which Ampt's own services would publish it in time.
'use strict';
const { keep } = require('../sdk/published.cjs');

const KEY = /^ev_/;

async function answer(request, bytes) {
  const operation = String(request.headers['x-amz-target']).split('.').pop();
  let asked;
  try {
    asked = JSON.parse(bytes.toString());
  } catch {
    return refuse('SerializationException', 'the request is not JSON');
  }
  if (operation !== 'UpdateItem' || !KEY.test(asked?.Key?.pk?.S ?? '')) {
    return refuse('ResourceNotFoundException', `the local sandbox has no ${operation} of DynamoDB: use \`@ampt/data\`, or give the client credentials of its own`);
  }
  const item = itemOf(asked);
  let body;
  try {
    body = JSON.parse(item._body?.S);
  } catch {
    return refuse('ValidationException', 'the item is no event of @ampt/sdk: its `body` is not JSON');
  }
  const [id, name] = [item._id?.S, item._name?.S];
  const [time, delay] = [Number(item._time?.N), Number(item._delay?.N)];
  if (!id || !name || !Number.isFinite(time) || !Number.isFinite(delay)) {
    return refuse('ValidationException', 'the item is no event of @ampt/sdk: it must have `id`, `name`, `time` and `delay`');
  }
  const why = await keep({ id, name, body, time, delay });
  if (why !== undefined) return refuse('ValidationException', why);
  return json(200, { Attributes: item });
}

/** The attributes that an update sets, whatever names its expression has for them. */
function itemOf({ Key, ExpressionAttributeNames: names = {}, ExpressionAttributeValues: values = {} }) {
  const item = { ...Key };
  for (const [placeholder, name] of Object.entries(names)) {
    const value = values[`:${placeholder.slice(1)}`];
    if (value !== undefined) item[name] = value;
  }
  return item;
}

const refuse = (code, message) => json(400, { __type: `com.amazonaws.dynamodb.v20120810#${code}`, message });

const json = (status, body) => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.0' },
  body: JSON.stringify(body),
});

module.exports = { answer };
