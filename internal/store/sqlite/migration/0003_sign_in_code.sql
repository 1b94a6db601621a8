-- +goose Up

-- One-time codes to sign in with. A code is found by its hash before anybody knows the member; the table holds a few
-- minutes' codes.
CREATE TABLE sign_in_code (
  hash BLOB PRIMARY KEY,
  member_id TEXT NOT NULL REFERENCES member (id),
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Ending a member's sign-ins touches those that stand; a list of API tokens passes over no sign-ins.
CREATE INDEX token_sign_in ON token (member_id) WHERE revoked_at = 0 AND member_id IS NOT NULL;
CREATE INDEX token_api ON token (account_id, project_id, created_at, id) WHERE member_id IS NULL;
