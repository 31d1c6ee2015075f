// Escapes of async generators: there is no outer realm to climb to.
export default async () => {
  async function* climb() { yield* { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true }), return: async () => ({}) }) }; }
  for await (const value of climb()) throw new Error(String(value));
  return 'inert';
};
