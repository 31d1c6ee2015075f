import { describe, expect, it } from '@jest/globals';

import { migrationScript, readMigrations } from './migrate.ts';

describe('the migrations', () => {
  it('are numbered from 1 without a gap and without a number twice', async () => {
    const numbers = (await readMigrations()).map(({ name }) => Number(name.slice(0, 4)));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  it('go into one script as they are, whatever they quote', () => {
    const script = migrationScript([{ name: "0001_it's.sql", sha256: 'ab', sql: "SELECT 'it''s', $$ $1 $$, $a$b$a$" }]);
    expect(script).toContain("pg_temp.apply_migration('0001_it''s.sql', 'ab', $bullpen_migration$SELECT 'it''s', $$ $1 $$, $a$b$a$$bullpen_migration$)");
    expect(() => migrationScript([{ name: 'x', sha256: 'y', sql: '$bullpen_migration$; DROP TABLE runs' }])).toThrow(/bullpen_migration/);
  });
});
