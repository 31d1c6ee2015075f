// A string that doubles until it may not.
export default async () => {
  let text = 'x';
  for (;;) text += text;
};
