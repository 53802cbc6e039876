// `params`: the app's parameters, from `PARAMS` (JSON) and the environment.
'use strict';
const { config } = require('../runtime.cjs');

const NAMES = {
  ORG_NAME: 'AMPT_ORG_NAME',
  SERVICE_NAME: 'AMPT_APP_NAME',
  APP_NAME: 'AMPT_APP_NAME',
  INSTANCE_NAME: 'AMPT_ENVIRONMENT_NAME',
  ENVIRONMENT_NAME: 'AMPT_ENVIRONMENT_NAME',
  ENV_NAME: 'AMPT_ENVIRONMENT_NAME',
  INSTANCE_TYPE: 'AMPT_INSTANCE_TYPE',
  ENVIRONMENT_TYPE: 'AMPT_INSTANCE_TYPE',
  ENV_TYPE: 'AMPT_INSTANCE_TYPE',
  AMPT_STAGE: 'AMPT_STAGE',
  AMPT_URL: 'AMPT_URL',
  AMPT_REGION: 'AWS_REGION',
};
const SECRET = /^AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)$/;

function readJson(name) {
  try {
    const value = JSON.parse(process.env[name] ?? '{}');
    return value !== null && typeof value === 'object' ? value : {};
  } catch {
    console.warn(`the environment variable ${name} is not JSON; it is ignored`);
    return {};
  }
}

/** The `.env` file's variables: they stand for the parameters that the dashboard would hold. */
let declared = {};

let known;

/** All parameters and groups; read at the first use, when the app's `.env` is in place. */
function all() {
  if (known) return known;
  const list = { ...declared, ...readJson('PARAMS') };
  for (const [name, source] of Object.entries(NAMES)) list[name] = process.env[source];
  list.CUSTOM_DOMAINS = process.env.AMPT_CUSTOM_DOMAINS ?? '';
  known = { list, groups: readJson('PARAM_GROUPS').params ?? {} };
  return known;
}

/** Puts parameters into the environment, all or those named; what is set already wins. */
function exportParams(which = []) {
  const { list } = all();
  const named = [which].flat();
  for (const name of named.length > 0 ? named : Object.keys(list)) {
    if (SECRET.test(name) || !list[name] || process.env[name]) continue;
    process.env[name] = String(list[name]);
  }
}

function group(namespace) {
  const values = all().groups[namespace];
  return values && Object.assign((key) => values[key], values);
}

/** One parameter, or without a key everything there is to do with them. */
function params(key) {
  if (!key) return { export: exportParams, list: () => ({ ...all().list }), group };
  return all().list[key] || undefined;
}

/** Takes in the `.env` file's variables, before any of the app's code. */
function declare(variables) {
  declared = variables;
  // The published package reads them here.
  if (config.loader.sdk === 'installed') {
    process.env.PARAMS = JSON.stringify({ ...variables, ...readJson('PARAMS') });
  }
}

module.exports = { params, declare };
