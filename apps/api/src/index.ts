export { loadConfig } from './config.ts';
export { hashSecret } from './auth/api-keys.ts';
export { createApi, type BullpenApi } from './wiring.ts';
