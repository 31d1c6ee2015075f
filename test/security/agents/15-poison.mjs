// Poisons prototypes and JSON, for whoever comes next.
export default async () => {
  JSON.stringify = () => '"poisoned"';
  JSON.parse = () => 'poisoned';
  Array.prototype.push = () => { throw new Error('poisoned'); };
  Promise.prototype.then = () => { throw new Error('poisoned'); };
  Map.prototype.get = () => 'poisoned';
  globalThis.poisoned = true;
  return 'inert';
};
