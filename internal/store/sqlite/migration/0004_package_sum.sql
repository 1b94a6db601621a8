-- +goose Up

-- What is left, by the instant at which it expires: a balance is the sum of a few rows, however many packages there are.
-- Triggers keep it, so no writer can forget it; verify compares it with the packages.
CREATE TABLE package_sum (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  category TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  purpose TEXT NOT NULL,
  country TEXT NOT NULL,
  remaining INTEGER NOT NULL CHECK (remaining >= 0),
  reserved INTEGER NOT NULL CHECK (reserved >= 0),
  PRIMARY KEY (account_id, project_id, category, expires_at, purpose, country)
) STRICT, WITHOUT ROWID;

INSERT INTO package_sum (account_id, project_id, category, expires_at, purpose, country, remaining, reserved)
SELECT account_id, project_id, category, expires_at, purpose, country, sum(remaining), sum(reserved) FROM package
GROUP BY account_id, project_id, category, expires_at, purpose, country;

-- +goose StatementBegin
CREATE TRIGGER package_sum_insert AFTER INSERT ON package
BEGIN
  INSERT INTO package_sum (account_id, project_id, category, expires_at, purpose, country, remaining, reserved)
  VALUES (new.account_id, new.project_id, new.category, new.expires_at, new.purpose, new.country, new.remaining, new.reserved)
  ON CONFLICT DO UPDATE SET remaining = remaining + new.remaining, reserved = reserved + new.reserved;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER package_sum_update AFTER UPDATE OF remaining, reserved ON package
BEGIN
  UPDATE package_sum SET remaining = remaining + new.remaining - old.remaining, reserved = reserved + new.reserved - old.reserved
  WHERE account_id = new.account_id AND project_id = new.project_id AND category = new.category AND expires_at = new.expires_at
    AND purpose = new.purpose AND country = new.country;
END;
-- +goose StatementEnd
