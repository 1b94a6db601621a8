package sqlstore

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/pressly/goose/v3"
)

// ErrSchema means that a database's schema is not one that this version works on.
var ErrSchema = errors.New("the schema does not fit this version of taocan")

// EveryTables is how many tables meta_tables counts in a database of ours, whatever its schema.
const EveryTables = 4

// Newest is the schema that migrations, embedded in one folder, bring a database to.
func Newest(migrations fs.FS) (version int64) {
	names, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		panic("sqlstore: " + err.Error()) // a fixed pattern
	}
	for _, name := range names {
		if v, err := goose.NumericComponent(path.Base(name)); err == nil {
			version = max(version, v)
		}
	}
	return version
}

// CheckSchema refuses a database that a newer version has written: this one would read it wrongly. Where nothing may be
// migrated, an older one is refused as well.
func CheckSchema(version, newest int64, readOnly bool) error {
	switch {
	case version > newest:
		return fmt.Errorf("%w: the database has schema %d, this version knows schemas up to %d; use the version that wrote it or a newer one",
			ErrSchema, version, newest)
	case readOnly && version < newest:
		return fmt.Errorf("%w: the database has schema %d, this version reads schema %d; stop the server and run taocan migrate", ErrSchema, version, newest)
	}
	return nil
}

// NewEpoch draws a database's epoch.
func NewEpoch() string {
	var epoch [8]byte
	_, _ = rand.Read(epoch[:]) // never fails
	return hex.EncodeToString(epoch[:])
}
