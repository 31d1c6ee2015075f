/** Postgres: schema, migrations, queries by intent, and the grouped writer of runs. */
export { createDatabase, type Database, type DatabaseOptions } from './database.ts';
export { migrate } from './migrate.ts';
