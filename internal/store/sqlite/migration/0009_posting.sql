-- +goose Up

-- Up to which commit of the lane the packages' figures, the entries and the lists of debits are written. Commits of earlier
-- versions wrote them themselves.
ALTER TABLE lane ADD COLUMN posted INTEGER NOT NULL DEFAULT 0 CHECK (posted BETWEEN 0 AND seq);
UPDATE lane SET posted = seq;

-- A posting lists a project's commits together: at is the first, more the distances in microseconds from each to the next, as
-- uvarints. The commits of rows do not overlap.
ALTER TABLE debit_ref ADD COLUMN more BLOB NOT NULL DEFAULT x'';
