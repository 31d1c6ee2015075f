// Never gives the thread back.
export default async () => {
  while (true);
};
