// Throws an error whose stack throws.
export default async () => {
  throw Object.defineProperty(new Error('x'), 'stack', { get() { throw new Error('y'); } });
};
