import { describe, expect, it } from '@jest/globals';

import { migrationScript } from './migrate.ts';

describe('the migrations', () => {
  it('go into one script as they are, whatever they quote', () => {
    const script = migrationScript([{ name: "0001_it's.sql", sha256: 'ab', sql: "SELECT 'it''s', $$ $1 $$, $a$b$a$" }]);
    expect(script).toContain("pg_temp.apply_migration('0001_it''s.sql', 'ab', $bullpen_migration$SELECT 'it''s', $$ $1 $$, $a$b$a$$bullpen_migration$)");
    expect(() => migrationScript([{ name: 'x', sha256: 'y', sql: '$bullpen_migration$; DROP TABLE runs' }])).toThrow(/bullpen_migration/);
  });
});
