// The queue through which the published `@ampt/sdk` publishes events that are due within 15 minutes:
// SQS' `SendMessage`, by the query protocol.
'use strict';
const { createHash, randomUUID } = require('node:crypto');
const { keep } = require('../sdk/published.cjs');

const URL = 'https://sqs.us-east-1.amazonaws.com/000000000000/ampt-ws-events';
const NAMESPACE = 'http://queue.amazonaws.com/doc/2012-11-05/';
const MOST_SECONDS = 900;

/** An error as SQS words it. */
class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

async function answer(request, bytes) {
  // Newer clients speak another protocol, which no published package does.
  if (/json/.test(request.headers['content-type'] ?? '')) return undefined;
  const requestId = randomUUID();
  try {
    const parameters = new URLSearchParams(bytes.toString());
    const action = parameters.get('Action');
    if (action !== 'SendMessage') {
      throw new Refusal('InvalidAction', `the local sandbox has no ${action ?? 'request without an Action'} of SQS: give the client credentials of its own`);
    }
    return xml(200, await send(parameters, requestId));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const told = `<Error><Type>Sender</Type><Code>${error.code}</Code><Message>${escape(error.message)}</Message><Detail/></Error>`;
    return xml(400, `<ErrorResponse xmlns="${NAMESPACE}">${told}<RequestId>${requestId}</RequestId></ErrorResponse>`);
  }
}

async function send(parameters, requestId) {
  if (parameters.get('QueueUrl') !== URL) {
    throw new Refusal('AWS.SimpleQueueService.NonExistentQueue', 'The specified queue does not exist: the local sandbox has the queue of EVENTS_QUEUE_URL only');
  }
  const text = parameters.get('MessageBody');
  if (!text) throw new Refusal('MissingParameter', 'The request must contain the parameter MessageBody.');
  const why = await keep(eventOf(text, delayOf(parameters)));
  if (why !== undefined) throw new Refusal('OverLimit', why);
  const md5 = createHash('md5').update(text).digest('hex');
  const result = `<SendMessageResult><MessageId>${randomUUID()}</MessageId><MD5OfMessageBody>${md5}</MD5OfMessageBody></SendMessageResult>`;
  return `<SendMessageResponse xmlns="${NAMESPACE}">${result}<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></SendMessageResponse>`;
}

/** By how many seconds a message is to be delayed. */
function delayOf(parameters) {
  const asked = parameters.get('DelaySeconds') ?? '0';
  const seconds = Number(asked);
  if (/^\d+$/.test(asked) && seconds <= MOST_SECONDS) return seconds;
  throw new Refusal('InvalidParameterValue', `Value ${asked} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= ${MOST_SECONDS}.`);
}

/** The event in a message. */
function eventOf(text, seconds) {
  let event;
  try {
    event = JSON.parse(text);
  } catch {
    event = undefined;
  }
  if (typeof event?.id !== 'string' || typeof event.name !== 'string') {
    throw new Refusal('InvalidMessageContents', 'The message is no event of @ampt/sdk: it must be JSON with an `id` and a `name`');
  }
  const { id, name, body, time, delay } = event;
  // The queue counts in whole seconds; the event knows better.
  const isIts = Math.ceil(delay / 1000) === seconds;
  return { id, name, body, time, delay: isIts ? delay : seconds * 1000 };
}

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (text) => text.replace(/[&<>"]/g, (c) => ENTITIES[c]);

const xml = (status, body) => ({ status, headers: { 'content-type': 'text/xml' }, body });

module.exports = { answer, URL };
