// The drop-in `@ampt/sdk`. The ES modules beside this file only re-export it, so that `import`
// and `require` share one instance.
'use strict';
const websockets = require('./websockets.cjs');
const { params } = require('./params.cjs');
const { events } = require('./events.cjs');
const { http } = require('./http.cjs');
const { core, schedule, storage, task } = require('./missing.cjs');

module.exports = {
  core,
  events,
  http,
  params,
  schedule,
  storage,
  task,
  ...websockets,
};
