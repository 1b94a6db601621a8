-- +goose Up

-- An entry is written in the transaction that has just moved its package, and refused unless it has; verify counts the rows. To look
-- the package up once more for each entry, and to lock it, costs more than to write the entry.
-- In the order in which postings of servers that still run lock them.
LOCK TABLE package, entry IN ACCESS EXCLUSIVE MODE;
ALTER TABLE entry DROP CONSTRAINT entry_account_id_project_id_package_fkey;
