// Whose turn it is to say that a thread's event loop has turned after an attempt: a number in memory that the thread and its host share, exchanged
// in one step by each. Who comes second knows that the other one has been there: a host that comes second needs no message, a thread that
// comes second sends one.
export const RUNNING = 0;
export const SETTLED = 1;
export const ASKED = 2;
