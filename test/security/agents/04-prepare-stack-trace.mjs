// Takes the receivers of the frames below it, where a host would stand.
export default async () => {
  Error.prepareStackTrace = (_, frames) => frames.map((frame) => [frame.getThis(), frame.getFunction()]);
  const found = new Error('x').stack.flat().filter((one) => one !== undefined && one !== null);
  return found.every((one) => one.constructor.constructor('return globalThis')() === globalThis) ? 'inert' : 'escaped';
};
