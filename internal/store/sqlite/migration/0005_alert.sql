-- +goose Up

-- Alert rules of every kind, where they stand, what they said, and to whom it went. None of it is ledger: no commit and no
-- chain knows it. But what a debit sets off is written in the debit's own transaction.

-- A rule is named by kind, unit and target, so there is at most one for the same. channels is a JSON array of channel ids;
-- an empty one means all of the project's.
CREATE TABLE alert_rule_new (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('remaining', 'usage_day', 'usage_month', 'expiring', 'forecast')),
  unit TEXT NOT NULL CHECK (unit IN ('messages', 'percent', 'days')),
  category TEXT NOT NULL CHECK (category IN ('domestic', 'international')),
  purpose TEXT NOT NULL CHECK (purpose IN ('verification', 'marketing', 'general')),
  country TEXT NOT NULL, -- '': domestic, or everywhere abroad
  threshold INTEGER NOT NULL CHECK (threshold > 0),
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  channels TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, project_id, kind, unit, category, purpose, country),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id),
  CHECK (category = 'international' OR country = ''),
  CHECK (category = 'domestic' OR purpose = 'general')
) STRICT, WITHOUT ROWID;

INSERT INTO alert_rule_new (account_id, project_id, kind, unit, category, purpose, country, threshold, enabled, channels, updated_at)
SELECT account_id, project_id, 'remaining', 'messages', category, purpose, country, threshold, enabled, '[]', updated_at FROM alert_rule;

DROP TABLE alert_rule;
ALTER TABLE alert_rule_new RENAME TO alert_rule;

-- Where an enabled rule stands. rule is its id; a row goes with its rule.
CREATE TABLE alert_state (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  rule TEXT NOT NULL,
  level INTEGER NOT NULL CHECK (level >= 0), -- messages: the threshold as it now is, whatever its unit
  low INTEGER NOT NULL CHECK (low IN (0, 1)),
  since INTEGER NOT NULL, -- of low
  reminders INTEGER NOT NULL CHECK (reminders >= 0),
  told_at INTEGER NOT NULL, -- the last notice of this crossing
  period TEXT NOT NULL, -- usage: the day (2006-01-02) or month (2006-01) that it has fired for
  PRIMARY KEY (account_id, project_id, rule)
) STRICT, WITHOUT ROWID;

-- Projects whose rules must be looked at again, and when. bought: something was added since the last look.
CREATE TABLE alert_due (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  bought INTEGER NOT NULL CHECK (bought IN (0, 1)),
  PRIMARY KEY (account_id, project_id)
) STRICT, WITHOUT ROWID;

-- Workers look over all accounts.
CREATE INDEX alert_due_at ON alert_due (at);

-- Rules from before have not been looked at.
INSERT INTO alert_due (account_id, project_id, at, bought) SELECT DISTINCT account_id, project_id, 0, 0 FROM alert_rule WHERE enabled = 1;

-- Where notices go. What must not be read by who reads the file (keys, addresses that hold keys) is in sealed.
CREATE TABLE channel (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('email', 'webhook', 'dingtalk', 'wecom', 'feishu')),
  name TEXT NOT NULL,
  address TEXT NOT NULL, -- as it may be shown
  sealed BLOB NOT NULL,
  language TEXT NOT NULL CHECK (language IN ('zh', 'en')),
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, project_id, id),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id)
) STRICT, WITHOUT ROWID;

-- The outbox: what happened. unique_key, where there is one, keeps the same thing from being said twice.
CREATE TABLE notice (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  event TEXT NOT NULL,
  rule TEXT NOT NULL, -- '': of no alert rule
  channels TEXT NOT NULL, -- JSON array; empty: all of the project's
  facts TEXT NOT NULL, -- JSON
  unique_key TEXT,
  spread INTEGER NOT NULL DEFAULT 0 CHECK (spread IN (0, 1)), -- has its deliveries
  PRIMARY KEY (account_id, project_id, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX notice_unique ON notice (account_id, project_id, unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX notice_at ON notice (account_id, project_id, at, id);
-- Workers look over all accounts.
CREATE INDEX notice_unspread ON notice (at) WHERE spread = 0;
CREATE INDEX notice_old ON notice (at) WHERE spread = 1;

-- One notice to one channel.
CREATE TABLE delivery (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  notice_id TEXT NOT NULL,
  channel_id TEXT NOT NULL, -- may since have been removed
  state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
  created_at INTEGER NOT NULL,
  next_at INTEGER NOT NULL, -- the next try; while one is under way, when its lease ends
  attempts INTEGER NOT NULL CHECK (attempts >= 0),
  status INTEGER NOT NULL, -- of the last answer, 0: none
  error TEXT NOT NULL, -- why the last try failed
  tried_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, project_id, notice_id, channel_id),
  FOREIGN KEY (account_id, project_id, notice_id) REFERENCES notice (account_id, project_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_created ON delivery (account_id, project_id, created_at, notice_id, channel_id);
CREATE INDEX delivery_due ON delivery (next_at) WHERE state = 'pending';
