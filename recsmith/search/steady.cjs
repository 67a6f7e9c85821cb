// Loaded into NNI's node manager before its own code: it ends trials by the wall clock, so that setting the clock (or waking
// a laptop up) would end what runs. Here its time goes on steadily from the moment it was started.
'use strict';

const Wall = globalThis.Date;
const offset = Wall.now() - performance.now();
const now = () => Math.round(offset + performance.now());

globalThis.Date = new Proxy(Wall, {
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
  construct: (target, given, made) => Reflect.construct(target, given.length ? given : [now()], made),
  apply: () => new globalThis.Date().toString(),
});
