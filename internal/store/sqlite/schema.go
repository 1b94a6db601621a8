package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"taocan/internal/store/sqlstore"

	"github.com/ncruces/go-sqlite3/driver"
	"github.com/pressly/goose/v3"
)

// ErrSchema means that a database's schema is not one that this version works on.
var ErrSchema = errors.New("the schema does not fit this version of taocan")

// everyTables are the tables that meta_tables counts.
const everyTables = 4

// NewestSchema is the schema that this version brings a database to.
func NewestSchema() int64 { return newest(migrationFiles()) }

func migrationFiles() fs.FS {
	files, err := fs.Sub(migrations, "migration")
	if err != nil {
		panic("sqlite: " + err.Error()) // embedded
	}
	return files
}

func newest(files fs.FS) (version int64) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		panic("sqlite: " + err.Error()) // a fixed pattern
	}
	for _, name := range names {
		if v, err := goose.NumericComponent(path.Base(name)); err == nil {
			version = max(version, v)
		}
	}
	return version
}

// schemaOf is the schema of a database of ours, 0 for an empty one.
func schemaOf(ctx context.Context, q runner) (version int64, err error) {
	var tables int
	if err := q.QueryRowContext(ctx, queries.Text("meta_tables")).Scan(&tables); err != nil {
		return 0, sqlstore.Kind(err)
	}
	if tables != everyTables {
		return 0, nil
	}
	err = q.QueryRowContext(ctx, queries.Text("schema_version")).Scan(&version)
	return version, sqlstore.Kind(err)
}

// checkSchema refuses a database that a newer version has written: this one would read it wrongly. Where nothing may be
// migrated, an older one is refused as well.
func checkSchema(ctx context.Context, q runner, newest int64, readOnly bool) error {
	version, err := schemaOf(ctx, q)
	switch {
	case err != nil:
		return err
	case version > newest:
		return fmt.Errorf("%w: the database has schema %d, this version knows schemas up to %d; use the version that wrote it or a newer one",
			ErrSchema, version, newest)
	case readOnly && version < newest:
		return fmt.Errorf("%w: the database has schema %d, this version reads schema %d; stop the server and run taocan migrate", ErrSchema, version, newest)
	}
	return nil
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
