package postgres

import (
	"database/sql"
	"embed"

	"taocan/internal/store/sqlstore"
)

//go:embed query/*.sql
var queryFiles embed.FS

var queries = sqlstore.Load(sqlstore.Common, queryFiles)

// longTexts have as many rows as a package or a wallet has entries, and whoever reads them runs other statements between two
// rows (sqlstore.Reader.EachEntry, EachWalletEntry).
func longTexts() map[string]bool {
	return map[string]bool{queries.Text("entry_each"): true, queries.Text("wallet_entry_list") + " ORDER BY n": true}
}

// querier runs statements in one session.
type querier struct {
	*sql.Conn
}

// Text of a query.
func (querier) Text(name string) string { return queries.Text(name) }

// session of a connection that database/sql has lent us.
func sessionOf(c *sql.Conn) (s *session, err error) {
	err = c.Raw(func(driverConn any) error {
		s = driverConn.(*session)
		return nil
	})
	return s, err
}

var _ sqlstore.Querier = querier{}
