'use strict';
exports.commonjs = true;
