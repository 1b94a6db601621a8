-- +goose Up

-- Months whose debits have left commit_log.debits for files, by lane. A row is written before the first of its debits goes, under
-- a link of the lane's chain (seq); what verify can no longer derive from the records is summed up in it. month is UTC's (2006-01);
-- overflow is JSON: what overflow cost by account, 1/10,000 yuan.
CREATE TABLE archived_month (
  lane bigint NOT NULL CHECK (lane BETWEEN 0 AND 15),
  month text COLLATE "C" NOT NULL,
  first_seq bigint NOT NULL,
  last_seq bigint NOT NULL CHECK (last_seq >= first_seq),
  commits bigint NOT NULL,
  debits bigint NOT NULL,
  refs bigint NOT NULL,
  entries bigint NOT NULL,
  segments bigint NOT NULL,
  overflow text COLLATE "C" NOT NULL,
  entries_digest bytea NOT NULL,
  file text COLLATE "C" NOT NULL,
  file_sha256 bytea NOT NULL,
  archived_at bigint NOT NULL,
  seq bigint NOT NULL CHECK (seq > last_seq),
  PRIMARY KEY (lane, month)
);
