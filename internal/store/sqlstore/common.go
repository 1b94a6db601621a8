package sqlstore

import "embed"

// Common holds the statements that mean the same on every database. Back ends add those that each words in its own way.
//
//go:embed query/*.sql
var Common embed.FS
