// Leaves a timer and a rejection behind.
export default async () => {
  setInterval(() => {}, 1);
  setTimeout(() => Promise.reject(new Error('left')), 2);
  return 'inert';
};
