-- +goose Up

-- A package may be extended, frozen, and handed on to another project of its account.

-- frozen: it pays nothing until it is unfrozen. first_expires_at: the expiry that it came with; 0 while it has not been
-- extended, so that expires_at is that.
ALTER TABLE package ADD COLUMN frozen INTEGER NOT NULL DEFAULT 0 CHECK (frozen IN (0, 1));
ALTER TABLE package ADD COLUMN first_expires_at INTEGER NOT NULL DEFAULT 0 CHECK (first_expires_at >= 0 AND first_expires_at < expires_at);

-- What an extension made the expiry; 0 in entries of other kinds.
ALTER TABLE entry ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0 CHECK ((kind = 10) = (expires_at > 0));

-- What a package was at an instant of the past: adjusted (kinds adjust 4 and transfer_out 14), expiry (extend 10), frozen
-- (freeze 11, unfreeze 12). All of these are few.
DROP INDEX entry_adjust;
CREATE INDEX entry_adjust ON entry (account_id, project_id, package, at, remaining) WHERE kind IN (4, 14);
CREATE INDEX entry_extend ON entry (account_id, project_id, package, at, expires_at) WHERE kind = 10;
CREATE INDEX entry_freeze ON entry (account_id, project_id, package, at, kind) WHERE kind IN (11, 12);

-- Lists filter by frozen without the table, too; pools and balances leave frozen packages out.
DROP INDEX package_purchased;
DROP INDEX package_expires;
DROP INDEX package_total;
DROP INDEX package_pool;
DROP INDEX package_live_purchased;
CREATE INDEX package_purchased ON package (account_id, project_id, purchased_at, number, category, purpose, country, expires_at, live, frozen, exists_from, name);
CREATE INDEX package_expires ON package (account_id, project_id, expires_at, number, category, purpose, country, live, frozen, exists_from);
CREATE INDEX package_total ON package (account_id, project_id, total, number, category, purpose, country, expires_at, live, frozen, exists_from);
CREATE INDEX package_pool ON package (account_id, project_id, expires_at, category, frozen) WHERE live = 1;
CREATE INDEX package_live_purchased ON package (account_id, project_id, purchased_at, number, category, purpose, country, expires_at, frozen) WHERE live = 1;

-- The sums hold what is not frozen. A package that is frozen, unfrozen or extended leaves one sum for another.
DROP TRIGGER package_sum_update;

-- +goose StatementBegin
CREATE TRIGGER package_sum_update AFTER UPDATE OF remaining, reserved ON package
WHEN new.frozen = 0 AND old.frozen = 0 AND new.expires_at = old.expires_at
BEGIN
  UPDATE package_sum SET remaining = remaining + new.remaining - old.remaining, reserved = reserved + new.reserved - old.reserved
  WHERE account_id = new.account_id AND project_id = new.project_id AND category = new.category AND expires_at = new.expires_at
    AND purpose = new.purpose AND country = new.country;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER package_sum_move AFTER UPDATE OF expires_at, frozen ON package
WHEN new.frozen <> old.frozen OR new.expires_at <> old.expires_at
BEGIN
  UPDATE package_sum SET remaining = remaining - old.remaining, reserved = reserved - old.reserved
  WHERE old.frozen = 0 AND account_id = old.account_id AND project_id = old.project_id AND category = old.category
    AND expires_at = old.expires_at AND purpose = old.purpose AND country = old.country;
  INSERT INTO package_sum (account_id, project_id, category, expires_at, purpose, country, remaining, reserved)
  SELECT new.account_id, new.project_id, new.category, new.expires_at, new.purpose, new.country, new.remaining, new.reserved WHERE new.frozen = 0
  ON CONFLICT DO UPDATE SET remaining = remaining + new.remaining, reserved = reserved + new.reserved;
END;
-- +goose StatementEnd
