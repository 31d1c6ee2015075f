// Fills the heap with objects.
export default async () => {
  const all = [];
  for (;;) all.push({ a: 1 });
};
