-- +goose Up

-- Alert rules: thresholds on what is left. They are settings, not ledger: no commit and no chain knows them. The key is
-- what a rule watches, so there is at most one rule for a target.
CREATE TABLE alert_rule (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  category TEXT NOT NULL CHECK (category IN ('domestic', 'international')),
  purpose TEXT NOT NULL CHECK (purpose IN ('verification', 'marketing', 'general')),
  country TEXT NOT NULL, -- '': domestic, or everywhere abroad
  threshold INTEGER NOT NULL CHECK (threshold > 0),
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, project_id, category, purpose, country),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id),
  CHECK (category = 'international' OR country = ''),
  CHECK (category = 'domestic' OR purpose = 'general')
) STRICT, WITHOUT ROWID;
