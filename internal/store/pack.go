package store

import (
	"encoding/binary"
	"errors"
	"time"

	"taocan/internal/taocan"
)

// Packed blobs are: a version byte, a dictionary of words (count, then length and bytes of each), then a body
// that names words by their place. Integers are (u)varints.

type packer struct {
	version byte
	words   map[string]uint64
	dict    []byte
	body    []byte
}

func newPacker(version byte) *packer { return &packer{version: version, words: map[string]uint64{}} }

func (w *packer) byte(b ...byte)   { w.body = append(w.body, b...) }
func (w *packer) raw(b []byte)     { w.body = append(w.body, b...) }
func (w *packer) varint(n int64)   { w.body = binary.AppendVarint(w.body, n) }
func (w *packer) uvarint(n uint64) { w.body = binary.AppendUvarint(w.body, n) }

func (w *packer) str(s string) {
	w.uvarint(uint64(len(s)))
	w.body = append(w.body, s...)
}

func (w *packer) word(s string) {
	i, ok := w.words[s]
	if !ok {
		i = uint64(len(w.words))
		w.words[s] = i
		w.dict = binary.AppendUvarint(w.dict, uint64(len(s)))
		w.dict = append(w.dict, s...)
	}
	w.uvarint(i)
}

func (w *packer) finish() []byte {
	b := make([]byte, 0, 1+binary.MaxVarintLen64+len(w.dict)+len(w.body))
	b = append(b, w.version)
	b = binary.AppendUvarint(b, uint64(len(w.words)))
	b = append(b, w.dict...)
	return append(b, w.body...)
}

var errPacked = errors.New("a packed blob is damaged")

// unpacker reads what packer wrote. The first damage sets err; from then on it yields zero values and no more.
type unpacker struct {
	b     []byte
	words []string
	err   error
}

func newUnpacker(b []byte, version byte) (*unpacker, error) {
	r := &unpacker{b: b}
	if r.byte() != version {
		return nil, errPacked
	}
	n := r.uvarint()
	if n > uint64(len(b)) {
		return nil, errPacked
	}
	r.words = make([]string, 0, n)
	for range n {
		r.words = append(r.words, r.str())
	}
	return r, r.err
}

func (r *unpacker) more() bool { return r.err == nil && len(r.b) > 0 }

func (r *unpacker) raw(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.b) {
		r.err = errPacked
		return nil
	}
	x := r.b[:n]
	r.b = r.b[n:]
	return x
}

func (r *unpacker) byte() byte {
	if x := r.raw(1); r.err == nil {
		return x[0]
	}
	return 0
}

func (r *unpacker) uvarint() uint64 {
	n, size := binary.Uvarint(r.b)
	if r.err != nil || size <= 0 {
		r.err = errPacked
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *unpacker) varint() int64 {
	n, size := binary.Varint(r.b)
	if r.err != nil || size <= 0 {
		r.err = errPacked
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *unpacker) length() int {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.err = errPacked
		return 0
	}
	return int(n)
}

func (r *unpacker) str() string { return string(r.raw(r.length())) }

func (r *unpacker) word() string {
	i := r.uvarint()
	if i >= uint64(len(r.words)) {
		r.err = errPacked
		return ""
	}
	return r.words[i]
}

const debitsVersion = 1

// Flags of a packed record.
const (
	flagReservation = 1 << iota
	flagReleased
	flagCommitted
	flagCommitOnDeadline
	flagByDeadline
	flagOverflow
)

// PackDebits encodes the records of one commit: a section per project, in the order of first appearance, each
// record with its length in front. Records keep the order of decision within their project. at is the commit's
// time; a record's own time is kept only where it differs.
func PackDebits(written []*taocan.Debit, at time.Time) []byte {
	if len(written) == 0 {
		return nil
	}
	byProject := make(map[taocan.Tenant][]*taocan.Debit)
	var order []taocan.Tenant
	for _, d := range written {
		if byProject[d.Tenant] == nil {
			order = append(order, d.Tenant)
		}
		byProject[d.Tenant] = append(byProject[d.Tenant], d)
	}
	w := newPacker(debitsVersion)
	records, record := []byte(nil), []byte(nil)
	for _, t := range order {
		w.word(string(t.Account))
		w.word(string(t.Project))
		outer := w.body
		records = records[:0]
		for _, d := range byProject[t] {
			w.body = record[:0]
			w.debit(d, at)
			record = w.body
			records = binary.AppendUvarint(records, uint64(len(record)))
			records = append(records, record...)
		}
		w.body = outer
		w.uvarint(uint64(len(records)))
		w.raw(records)
	}
	return w.finish()
}

func (w *packer) debit(d *taocan.Debit, commitAt time.Time) {
	w.str(string(d.ID)) // first, so that a search compares it without decoding the rest
	var flags byte
	if d.Kind == taocan.KindReservation {
		flags |= flagReservation
	}
	switch d.State {
	case taocan.Released:
		flags |= flagReleased
	case taocan.Committed:
		flags |= flagCommitted
	}
	if d.OnDeadline == taocan.CommitOnDeadline {
		flags |= flagCommitOnDeadline
	}
	if d.ByDeadline {
		flags |= flagByDeadline
	}
	if d.Overflow > 0 {
		flags |= flagOverflow
	}
	w.byte(flags, d.DecisionVersion, d.SegmentVersion)
	w.word(string(d.Category))
	w.word(string(d.Purpose))
	w.word(string(d.Country))
	w.uvarint(uint64(d.Quantity))
	w.str(d.Reference)
	w.uvarint(uint64(len(d.Allocations)))
	for _, a := range d.Allocations {
		w.word(string(a.Package))
		w.uvarint(uint64(a.Quantity))
	}
	w.uvarint(uint64(commitAt.UnixMicro() - d.At.UnixMicro()))
	if d.Kind == taocan.KindReservation {
		w.uvarint(uint64(d.TTL / time.Second))
		w.uvarint(uint64(d.Deadline.UnixMicro() - d.At.UnixMicro()))
		w.uvarint(uint64(d.Settled))
	}
	if d.Overflow > 0 {
		w.uvarint(uint64(d.Overflow))
		w.uvarint(uint64(d.OverflowPrice))
	}
}

func (r *unpacker) debit(t taocan.Tenant, commitAt time.Time) taocan.Debit {
	d := taocan.Debit{Tenant: t}
	d.ID = taocan.DebitID(r.str())
	flags := r.byte()
	d.DecisionVersion, d.SegmentVersion = r.byte(), r.byte()
	d.Kind, d.State = taocan.KindDebit, taocan.Reserved
	if flags&flagReservation != 0 {
		d.Kind = taocan.KindReservation
	}
	switch {
	case flags&flagReleased != 0:
		d.State = taocan.Released
	case flags&flagCommitted != 0:
		d.State = taocan.Committed
	}
	d.ByDeadline = flags&flagByDeadline != 0
	d.Category, d.Purpose, d.Country = taocan.Category(r.word()), taocan.Purpose(r.word()), taocan.Country(r.word())
	d.Quantity, d.Reference = taocan.Segments(r.uvarint()), r.str()
	d.Allocations = make([]taocan.Allocation, r.length())
	for i := range d.Allocations {
		d.Allocations[i] = taocan.Allocation{Package: taocan.PackageNumber(r.word()), Quantity: taocan.Segments(r.uvarint())}
	}
	d.At = commitAt.Add(-time.Duration(r.uvarint()) * time.Microsecond)
	if d.Kind == taocan.KindReservation {
		d.OnDeadline = taocan.ReleaseOnDeadline
		if flags&flagCommitOnDeadline != 0 {
			d.OnDeadline = taocan.CommitOnDeadline
		}
		d.TTL = time.Duration(r.uvarint()) * time.Second
		d.Deadline = d.At.Add(time.Duration(r.uvarint()) * time.Microsecond)
		d.Settled = taocan.Segments(r.uvarint())
		if d.State != taocan.Reserved {
			d.SettledAt = commitAt
		}
	}
	if flags&flagOverflow != 0 {
		d.Overflow, d.OverflowPrice = taocan.Segments(r.uvarint()), taocan.UnitPrice(r.uvarint())
	}
	return d
}

// UnpackDebits decodes a commit's records in order: those of one project, or all where only is nil.
func UnpackDebits(blob []byte, at time.Time, only *taocan.Tenant) ([]taocan.Debit, error) {
	var found []taocan.Debit
	err := walkDebits(blob, only, func(r *unpacker, t taocan.Tenant, record []byte) bool {
		one := &unpacker{b: record, words: r.words}
		found = append(found, one.debit(t, at))
		if one.err != nil || len(one.b) > 0 {
			r.err = errPacked
		}
		return true
	})
	return found, err
}

// RecordsOf decodes all of a commit's records, in order.
func RecordsOf(blob []byte, at time.Time) ([]*taocan.Debit, error) {
	all, err := UnpackDebits(blob, at, nil)
	records := make([]*taocan.Debit, len(all))
	for i := range all {
		records[i] = &all[i]
	}
	return records, err
}

// FindDebit decodes the last record under the id in a commit; taocan.ErrNotFound where there is none.
func FindDebit(blob []byte, at time.Time, t taocan.Tenant, id taocan.DebitID) (taocan.Debit, error) {
	var last []byte
	var words []string
	err := walkDebits(blob, &t, func(r *unpacker, _ taocan.Tenant, record []byte) bool {
		head := unpacker{b: record}
		if string(head.raw(head.length())) == string(id) {
			last, words = record, r.words
		}
		return true
	})
	if err != nil {
		return taocan.Debit{}, err
	}
	if last == nil {
		return taocan.Debit{}, taocan.ErrNotFound
	}
	r := unpacker{b: last, words: words}
	d := r.debit(t, at)
	return d, r.err
}

// WalkDebitIDs calls fn with the project and id of every record of a commit, in order, whether it is of a
// reservation, and whether it is its settlement.
func WalkDebitIDs(blob []byte, fn func(t taocan.Tenant, id []byte, reservation, settled bool)) error {
	return walkDebits(blob, nil, func(r *unpacker, t taocan.Tenant, record []byte) bool {
		head := unpacker{b: record}
		id := head.raw(head.length())
		flags := head.byte()
		if head.err == nil {
			reservation := flags&flagReservation != 0
			fn(t, id, reservation, reservation && flags&(flagReleased|flagCommitted) != 0)
		}
		return head.err == nil
	})
}

func walkDebits(blob []byte, only *taocan.Tenant, fn func(r *unpacker, t taocan.Tenant, record []byte) bool) error {
	if len(blob) == 0 {
		return nil
	}
	r, err := newUnpacker(blob, debitsVersion)
	if err != nil {
		return err
	}
	for r.more() {
		t := taocan.Tenant{Account: taocan.AccountID(r.word()), Project: taocan.ProjectID(r.word())}
		section := unpacker{b: r.raw(r.length())}
		if only != nil && *only != t {
			continue
		}
		for section.more() && r.err == nil {
			record := section.raw(section.length())
			if section.err == nil && !fn(r, t, record) {
				r.err = errPacked
			}
		}
		if section.err != nil {
			r.err = section.err
		}
	}
	return r.err
}
