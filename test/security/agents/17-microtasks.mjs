// Endless microtasks.
export default async () => {
  await new Promise(() => { (function on() { Promise.resolve().then(on); })(); });
};
