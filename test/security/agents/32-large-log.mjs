// A log line of 500 MB.
export default async (input, ctx) => {
  ctx.log('x'.repeat(5e8));
};
