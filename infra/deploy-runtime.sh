#!/usr/bin/env bash
# Applies infra/supabase/setup-runtime-tables.sql to the Postgres (of Supabase) that DATABASE_URL names, in one transaction.
#   DATABASE_URL=postgres://postgres:PASSWORD@db.PROJECT.supabase.co:5432/postgres infra/deploy-runtime.sh [--dry-run]
# --dry-run applies everything and takes it back, and says what would be new. Use the direct connection, not the pooler.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
node_bin=node_modules/.bin/node
[ -x "$node_bin" ] || node_bin=node
exec "$node_bin" infra/supabase/apply.ts "$@"
