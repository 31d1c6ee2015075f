// Ends its own process.
export default async () => {
  process.exit(3);
};
