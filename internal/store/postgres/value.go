package postgres

import (
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"taocan/internal/taocan"
)

// Values travel in PostgreSQL's binary form: whole numbers as bigint, texts as they are, bytes as bytea. There are no others.
const binaryForm = 1

// answersBinary asks for every column of a result in binary form.
var answersBinary = []int16{binaryForm}

// parameters of one statement, as pgconn takes them.
type parameters struct {
	values  [][]byte
	types   []uint32
	formats []int16
}

// parametersOf encodes what database/sql hands over. A flag is 0 or 1, as in every column of ours.
func parametersOf(args []driver.NamedValue) (parameters, error) {
	p := parameters{make([][]byte, len(args)), make([]uint32, len(args)), make([]int16, len(args))}
	for i, arg := range args {
		p.formats[i] = binaryForm
		switch v := arg.Value.(type) {
		case nil: // of the type that the statement makes it
		case int64:
			p.types[i], p.values[i] = pgtype.Int8OID, binary.BigEndian.AppendUint64(nil, uint64(v))
		case bool:
			n := uint64(0)
			if v {
				n = 1
			}
			p.types[i], p.values[i] = pgtype.Int8OID, binary.BigEndian.AppendUint64(nil, n)
		case string:
			// PostgreSQL stores no other texts, and would end the transaction.
			if !utf8.ValidString(v) || strings.IndexByte(v, 0) >= 0 {
				return p, fmt.Errorf("parameter %d of a statement holds bytes that are no text: %w", i+1, taocan.ErrInvalid)
			}
			p.types[i], p.values[i] = pgtype.TextOID, []byte(v)
		case []int64:
			p.types[i], p.values[i] = pgtype.Int8ArrayOID, arrayOf(pgtype.Int8OID, v, func(n int64, b []byte) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) })
		case []string:
			p.types[i], p.values[i] = pgtype.TextArrayOID, arrayOf(pgtype.TextOID, v, func(s string, b []byte) []byte { return append(b, s...) })
		case [][]byte:
			p.types[i], p.values[i] = pgtype.ByteaArrayOID, arrayOf(pgtype.ByteaOID, v, func(v, b []byte) []byte {
				if v == nil {
					return nil
				}
				return append(b, v...)
			})
		case []byte:
			p.types[i], p.values[i] = pgtype.ByteaOID, v
			if v == nil {
				p.types[i] = 0
			}
		default:
			return p, fmt.Errorf("parameter %d of a statement is a %T", i+1, v)
		}
	}
	return p, nil
}

// arrayOf encodes a one-dimensional array. put appends an element, or returns nil for NULL.
func arrayOf[T any](element uint32, values []T, put func(T, []byte) []byte) []byte {
	b := make([]byte, 0, 20+12*len(values))
	dimensions := uint32(min(len(values), 1)) // an empty array has none
	b = binary.BigEndian.AppendUint32(b, dimensions)
	b = binary.BigEndian.AppendUint32(b, dimensions) // may hold NULL
	b = binary.BigEndian.AppendUint32(b, element)
	if len(values) == 0 {
		return b
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(values)))
	b = binary.BigEndian.AppendUint32(b, 1) // the first index
	for _, v := range values {
		at := len(b)
		b = binary.BigEndian.AppendUint32(b, 0)
		if filled := put(v, b); filled != nil {
			b = filled
			binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
		} else {
			binary.BigEndian.PutUint32(b[at:], 1<<32-1) // NULL
		}
	}
	return b
}

// valueOf decodes a column. Bytes are the connection's: good until the next row.
func valueOf(column pgconn.FieldDescription, raw []byte) (driver.Value, error) {
	if raw == nil {
		return nil, nil
	}
	switch column.DataTypeOID {
	case pgtype.Int8OID:
		if len(raw) == 8 {
			return int64(binary.BigEndian.Uint64(raw)), nil
		}
	case pgtype.Int4OID:
		if len(raw) == 4 {
			return int64(int32(binary.BigEndian.Uint32(raw))), nil
		}
	case pgtype.BoolOID:
		if len(raw) == 1 {
			return int64(raw[0]), nil
		}
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.NameOID, pgtype.UnknownOID:
		return string(raw), nil
	case pgtype.ByteaOID:
		return raw, nil
	}
	// A sum of bigint is numeric: such a text needs a cast.
	return nil, fmt.Errorf("column %s of a result is of the type %d, %d bytes long", column.Name, column.DataTypeOID, len(raw))
}
