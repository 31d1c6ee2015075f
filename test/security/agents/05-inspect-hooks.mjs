// Proxy traps and hooks of util.inspect: they run in the cell, where the agent is anyway.
export default async () => {
  let hooked = 0;
  console.log({ [Symbol.for('nodejs.util.inspect.custom')]() { hooked += 1; return 'hooked'; } });
  console.log(new Proxy({}, { ownKeys() { hooked += 1; return []; } }));
  return hooked > 0 ? 'inert' : 'not tried';
};
