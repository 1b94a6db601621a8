-- name: health_quick_check
-- What PostgreSQL itself knows to be wrong, at most ten findings; none is well. Pages and indexes are looked at by pg_amcheck.
SELECT 'index ' || c.relname || ' is not valid' FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = current_schema()::regnamespace AND NOT i.indisvalid
UNION ALL
SELECT 'constraint ' || conname || ' is not validated' FROM pg_catalog.pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
UNION ALL
SELECT 'trigger ' || t.tgname || ' is switched off' FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = current_schema()::regnamespace AND t.tgenabled <> 'O'
UNION ALL
SELECT checksum_failures || ' pages failed their checksum, the last at ' || checksum_last_failure FROM pg_catalog.pg_stat_database
WHERE datname = current_database() AND checksum_failures > 0
LIMIT 10;
