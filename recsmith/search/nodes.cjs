// Loaded into NNI's node manager before its own code, with RECSMITH_NODES = {"user@host:port": {key, tunnel, slots}}.
// NNI accepts any host key, lets nodes call back only where the whole network can call too, and deals trials out in turn,
// however busy a node is. Here a node must have the key that was checked, calls back through the driver's SSH tunnel, and
// is given a trial only while it has a free place. Without nodes this does nothing.
'use strict';

const Module = require('module');

const nodes = JSON.parse(process.env.RECSMITH_NODES || '{}');
const of = (config) => nodes[`${config.user ?? config.username}@${config.host}:${config.port}`];
const load = Module._load;
const done = new Set();

const mend = {
  ssh2: (ssh2) => {
    const connect = ssh2.Client.prototype.connect;
    ssh2.Client.prototype.connect = function (config) {
      const hostVerifier = (key) => key.toString('base64') === of(config)?.key;
      const algorithms = { serverHostKey: of(config)?.algorithms };
      return connect.call(this, { ...config, hostVerifier, algorithms, keepaliveInterval: 15000, keepaliveCountMax: 4 });
    };
  },
  './worker': (loaded) => {
    loaded.Worker = class extends loaded.Worker {
      constructor(service, channel, config, url, gpu) {
        super(service, channel, config, url.replace(/:\d+\//, `:${of(config).tunnel}/`), gpu);
      }
    };
  },
  '../training_service/v3/compat': (loaded) => {
    loaded.V3asV1.prototype.schedule = function () {
      const busy = (env) =>
        Object.values(this.trialJobs).filter((job) => job.envId === env.id && !job.endTime).length;
      const free = (env) => of(this.v3.workersByEnv.get(env.id).config).slots - busy(env);
      const best = this.environments.reduce((one, other) => (one && free(one) >= free(other) ? one : other), null);
      return best && free(best) > 0 ? best.id : null;
    };
  },
};

if (Object.keys(nodes).length) {
  Module._load = function (request, ...rest) {
    const loaded = load.call(this, request, ...rest);
    if (mend[request] && !done.has(loaded)) {
      done.add(loaded);
      mend[request](loaded);
    }
    return loaded;
  };
}
