// Aborts its own process.
export default async () => {
  process.abort();
};
