// Loaded into NNI's node manager before its own code: what serves the page of a past search has no tuner that would end
// it with its driver. It ends itself as soon as the process that started it is gone, however that ended.
'use strict';

const MILLISECONDS = 500;
const parent = process.ppid;

if (process.argv[process.argv.indexOf('--action') + 1] === 'view') {
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, MILLISECONDS);
}
