-- +goose Up

-- Up to which commit of the lane the packages' figures, the entries and the lists of debits are written. Commits of earlier
-- versions wrote them themselves.
ALTER TABLE lane ADD COLUMN posted INTEGER NOT NULL DEFAULT 0 CHECK (posted BETWEEN 0 AND seq);
UPDATE lane SET posted = seq;
