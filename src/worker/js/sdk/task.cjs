'use strict';
const { task } = require('./missing.cjs');

module.exports = { task };
