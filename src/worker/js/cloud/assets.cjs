// The app's static files, which the published `@ampt/sdk` reads from a bucket.
'use strict';
const { http, PAGE_HEADERS } = require('../sdk/http.cjs');

const LOCATION = 'local';
const BELOW = `/static-assets/${LOCATION}/`;

async function answer(request) {
  const path = decodeURIComponent(request.url.split('?')[0]);
  if (request.method !== 'GET' || !path.startsWith(BELOW)) return undefined;
  const body = await http.node.readStaticFile(path.slice(BELOW.length));
  return body === undefined ? { status: 404 } : { headers: PAGE_HEADERS, body };
}

module.exports = { answer, LOCATION };
