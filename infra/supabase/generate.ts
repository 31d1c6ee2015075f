import { writeFile } from 'node:fs/promises';

import { renderSetupScript } from './setup-script.ts';

/** Writes setup-runtime-tables.sql anew, after a migration was added: `node infra/supabase/generate.ts`. */
await writeFile(new URL('./setup-runtime-tables.sql', import.meta.url), await renderSetupScript());
