import type { CommandAction } from '../cli.ts';

/** `bullpen up`: the whole system on this machine, as `npm start` brings it up; its flags are passed on as they are. */
export const upCommand: CommandAction = (invocation, ...args) => invocation.deps.inCheckout('up', args);
