// Loaded by a spare worker before the app is: Node prepares much of its module loaders on first
// use, and this is a first use of everything that an app is likely to need.
import './module.mjs';
import './commonjs.cjs';
