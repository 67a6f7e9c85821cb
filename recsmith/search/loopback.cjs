// Loaded into NNI's node manager before its own code: its service, which starts any command that it is asked to, listens
// on every address of the machine and has no setting for that. Here it listens on loopback only.
'use strict';

const { Server } = require('net');

const listen = Server.prototype.listen;

Server.prototype.listen = function (port, ...rest) {
  const given = typeof port === 'object' || typeof rest[0] === 'string';
  return given ? listen.call(this, port, ...rest) : listen.call(this, port, '127.0.0.1', ...rest);
};
