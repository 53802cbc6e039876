'use strict';
const { Core, core } = require('./missing.cjs');

module.exports = { Core, core };
