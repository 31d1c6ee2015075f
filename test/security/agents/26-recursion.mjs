// Recursion without an end.
export default async () => {
  return (function on() { return on() + 1; })();
};
