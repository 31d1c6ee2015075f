// Looks for objects of a host around it: in a cell its realm is all there is.
export default async () => {
  const error = await import(['no', 'such', 'module'].join('-')).catch((thrown) => thrown);
  Error.prepareStackTrace = (_, frames) => frames.map((frame) => frame.getThis());
  const selves = new Error('x').stack;
  const host = error.constructor.constructor('return globalThis')();
  return host === globalThis && [...selves].every((self) => self === undefined || self === globalThis || self === null || typeof self === 'object') ? 'inert' : 'escaped';
};
