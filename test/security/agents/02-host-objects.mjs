// Looks for objects of a host in what it is given: in a cell its realm is all there is.
export default async (input, ctx) => {
  const given = [input, ctx, ctx.log, ctx.run, ctx.signal, setTimeout, import.meta, Promise.resolve(), new Error('x')];
  const realms = given.filter((one) => one !== null && one !== undefined).map((one) => one.constructor?.constructor?.('return globalThis')() ?? globalThis);
  return realms.every((realm) => realm === globalThis) ? 'inert' : 'escaped';
};
