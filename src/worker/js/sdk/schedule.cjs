'use strict';
const { ScheduleError, schedule } = require('./missing.cjs');

module.exports = { ScheduleError, schedule };
