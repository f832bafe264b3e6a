// Loaded into `wrangler dev` before Wrangler itself.
//
// Its local stand-in for Hyperdrive pipes the Worker's socket and the database's into each other and listens to neither
// for errors: a database that is down, or a Worker that lets go in the middle of a handshake, ends the whole process.
// Here, when either socket fails, both are closed, as the real Hyperdrive does; and neither waits to fill a packet.
'use strict';

const { Socket } = require('node:net');

const pipe = Socket.prototype.pipe;

Socket.prototype.pipe = function (destination, options) {
  if (destination instanceof Socket) {
    const close = () => {
      this.destroy();
      destination.destroy();
    };
    this.setNoDelay(true);
    this.on('error', close);
    this.on('close', (failed) => failed && close());
  }
  return pipe.call(this, destination, options);
};
