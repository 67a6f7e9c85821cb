// Loaded into NNI's node manager before its own code: it gives the tuner ten seconds to start and has no setting for that;
// a busy machine needs more. No other timer of the manager is of this length.
'use strict';

const { promisify } = require('util');

const NNI_MILLISECONDS = 10000;
const OURS = 120000;
const timer = globalThis.setTimeout;

globalThis.setTimeout = function (action, delay, ...rest) {
  return timer(action, delay === NNI_MILLISECONDS ? OURS : delay, ...rest);
};
globalThis.setTimeout[promisify.custom] = timer[promisify.custom];
