-- +goose Up

-- Months whose debits have left commit_log.debits for files, by lane. A row is written before the first of its debits goes, under
-- a link of the lane's chain (seq); what verify can no longer derive from the records is summed up in it. month is UTC's (2006-01);
-- overflow is JSON: what overflow cost by account, 1/10,000 yuan.
CREATE TABLE archived_month (
  lane INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 15),
  month TEXT NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL CHECK (last_seq >= first_seq),
  commits INTEGER NOT NULL,
  debits INTEGER NOT NULL,
  refs INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  segments INTEGER NOT NULL,
  overflow TEXT NOT NULL,
  entries_digest BLOB NOT NULL,
  file TEXT NOT NULL,
  file_sha256 BLOB NOT NULL,
  archived_at INTEGER NOT NULL,
  seq INTEGER NOT NULL CHECK (seq > last_seq),
  PRIMARY KEY (lane, month)
) STRICT, WITHOUT ROWID;
