package sqlite

import (
	"context"
	"errors"
	"io/fs"

	"taocan/internal/store/sqlstore"

	"github.com/ncruces/go-sqlite3/driver"
)

// NewestSchema is the schema that this version brings a database to.
func NewestSchema() int64 { return sqlstore.Newest(migrationFiles()) }

func migrationFiles() fs.FS {
	files, err := fs.Sub(migrations, "migration")
	if err != nil {
		panic("sqlite: " + err.Error()) // embedded
	}
	return files
}

// schemaOf is the schema of a database of ours, 0 for an empty one.
func schemaOf(ctx context.Context, q runner) (version int64, err error) {
	var tables int
	if err := q.QueryRowContext(ctx, queries.Text("meta_tables")).Scan(&tables); err != nil {
		return 0, sqlstore.Kind(err)
	}
	if tables != sqlstore.EveryTables {
		return 0, nil
	}
	err = q.QueryRowContext(ctx, queries.Text("schema_version")).Scan(&version)
	return version, sqlstore.Kind(err)
}

// checkSchema refuses what this version does not work on (sqlstore.CheckSchema).
func checkSchema(ctx context.Context, q runner, newest int64, readOnly bool) error {
	version, err := schemaOf(ctx, q)
	if err != nil {
		return err
	}
	return sqlstore.CheckSchema(version, newest, readOnly)
}

// SchemaOf is the schema of a closed database file, 0 where it is none of ours.
func SchemaOf(file string) (version int64, err error) {
	db, err := driver.Open(fileURI(file, "", "query_only(1)") + "&mode=ro")
	if err != nil {
		return 0, sqlstore.Kind(err)
	}
	defer func() { err = errors.Join(err, sqlstore.Kind(db.Close())) }()
	return schemaOf(context.Background(), db)
}
