// Ampt's service for tasks, which the published `@ampt/sdk` asks through Lambda. There are none here.
'use strict';
const { notAvailable } = require('../sdk/missing.cjs');

const METHODS = { 'Task:ExecuteTask': 'task.run', 'Task:GetExecution': 'task.status' };

async function answer(request, bytes) {
  let method;
  try {
    method = JSON.parse(bytes.toString()).method;
  } catch {
    return undefined;
  }
  const { name, message } = notAvailable(METHODS[method] ?? 'task');
  const body = JSON.stringify({ errorType: name, errorMessage: message });
  return { headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }, body };
}

module.exports = { answer, ARN: 'local' };
