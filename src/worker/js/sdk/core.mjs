import sdk from './core.cjs';

export const { Core, core } = sdk;
