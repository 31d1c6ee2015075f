import { cursorSchema, pageLimitSchema } from '@bullpen/core';
import { z } from 'zod';

/** The query of every list. */
export const pageQuerySchema = z.strictObject({ cursor: cursorSchema.optional(), limit: pageLimitSchema });
