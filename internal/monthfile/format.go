package monthfile

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"taocan/internal/store"
	"taocan/internal/taocan"
)

// format names what a file holds. Another number is another way to write it; readers keep the old ones.
const format = "taocan debits 1"

// about tells whoever opens the file without us.
const about = "Debits of one lane and month (UTC). A line \"commit\" is a link of the lane's chain: packed (base64) is what its debits_digest, " +
	"SHA-256, is of; hash is SHA-256 of prev, lane (1 byte), seq, at in microseconds (8 bytes each, big-endian), debits_digest, manifest_digest. " +
	"Lines \"debit\" after it say the same for people: quantities in messages, prices in yuan."

// Name of a file.
func Name(month string, lane taocan.Lane) string {
	return fmt.Sprintf("debits-%s-lane-%02d.jsonl.zst", month, lane)
}

type headLine struct {
	Line     string      `json:"line"` // head
	Format   string      `json:"format"`
	About    string      `json:"about"`
	Epoch    string      `json:"epoch"` // of the database, for people: a restored one has another
	Month    string      `json:"month"`
	Lane     taocan.Lane `json:"lane"`
	FirstSeq int64       `json:"first_seq"`
	LastSeq  int64       `json:"last_seq"`
}

type commitLine struct {
	Line           string      `json:"line"` // commit
	Lane           taocan.Lane `json:"lane"`
	Seq            int64       `json:"seq"`
	At             time.Time   `json:"at"`
	Debits         int         `json:"debits"`
	Prev           hexBytes    `json:"prev"`
	DebitsDigest   hexBytes    `json:"debits_digest"`
	ManifestDigest hexBytes    `json:"manifest_digest"`
	Hash           hexBytes    `json:"hash"`
	Packed         []byte      `json:"packed"`
}

type debitLine struct {
	Line            string           `json:"line"` // debit
	Commit          int64            `json:"commit"`
	Account         string           `json:"account"`
	Project         string           `json:"project"`
	ID              string           `json:"id"`
	Kind            string           `json:"kind"`
	State           string           `json:"state"`
	At              time.Time        `json:"at"`
	Category        string           `json:"category"`
	Purpose         string           `json:"purpose"`
	Country         string           `json:"country,omitempty"`
	Quantity        int64            `json:"quantity"`
	Reference       string           `json:"reference,omitempty"`
	Allocations     []allocationPart `json:"allocations"`
	Overflow        int64            `json:"overflow,omitempty"`
	OverflowPrice   string           `json:"overflow_price,omitempty"`
	Deadline        *time.Time       `json:"deadline,omitempty"`
	OnDeadline      string           `json:"on_deadline,omitempty"`
	Settled         *int64           `json:"settled,omitempty"`
	SettledAt       *time.Time       `json:"settled_at,omitempty"`
	ByDeadline      bool             `json:"by_deadline,omitempty"`
	DecisionVersion uint8            `json:"decision_version"`
	SegmentVersion  uint8            `json:"segment_version"`
}

type allocationPart struct {
	Package  string `json:"package"`
	Quantity int64  `json:"quantity"`
}

type endLine struct {
	Line    string `json:"line"` // end
	Commits int64  `json:"commits"`
	Debits  int64  `json:"debits"`
}

type hexBytes []byte

func (b hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

func lineOf(c store.Commit, debits int) commitLine {
	manifest := sha256.Sum256(c.Manifest)
	return commitLine{"commit", c.Lane, c.Seq, c.At, debits, c.Prev, c.DebitsDigest, manifest[:], c.Hash, c.Debits}
}

func readable(commit int64, d *taocan.Debit) debitLine {
	x := debitLine{Line: "debit", Commit: commit, Account: string(d.Account), Project: string(d.Project), ID: string(d.ID), Kind: "debit", State: string(d.State),
		At: d.At, Category: string(d.Category), Purpose: string(d.Purpose), Country: string(d.Country), Quantity: int64(d.Quantity), Reference: d.Reference,
		Allocations: []allocationPart{}, Overflow: int64(d.Overflow), ByDeadline: d.ByDeadline, DecisionVersion: d.DecisionVersion, SegmentVersion: d.SegmentVersion}
	for _, a := range d.Allocations {
		x.Allocations = append(x.Allocations, allocationPart{string(a.Package), int64(a.Quantity)})
	}
	if d.Overflow > 0 {
		x.OverflowPrice = d.OverflowPrice.String()
	}
	if d.Kind == taocan.KindReservation {
		x.Kind, x.Deadline, x.OnDeadline = "reservation", &d.Deadline, string(d.OnDeadline)
		if !d.Open() {
			settled := int64(d.Settled)
			x.Settled, x.SettledAt = &settled, &d.SettledAt
		}
	}
	return x
}

// writer writes a file's lines, before they are compressed.
type writer struct {
	lines *json.Encoder
	end   endLine
}

// windowSize bounds what a reader must keep in memory.
const windowSize = 4 << 20

func compress(to io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(to, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(windowSize), zstd.WithEncoderCRC(true))
}

func decompress(from io.Reader) (*zstd.Decoder, error) {
	return zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(2*windowSize))
}

func newWriter(to io.Writer, head headLine) (*writer, error) {
	w := &writer{lines: json.NewEncoder(to), end: endLine{Line: "end"}}
	w.lines.SetEscapeHTML(false)
	head.Line, head.Format, head.About = "head", format, about
	return w, w.lines.Encode(head)
}

func (w *writer) add(c store.Commit) (records []*taocan.Debit, err error) {
	if digest := sha256.Sum256(c.Debits); !bytes.Equal(digest[:], c.DebitsDigest) {
		return nil, errors.New("its debits are not those of its link")
	}
	if records, err = store.RecordsOf(c.Debits, c.At); err != nil {
		return nil, err
	}
	w.end.Commits++
	w.end.Debits += int64(len(records))
	if err := w.lines.Encode(lineOf(c, len(records))); err != nil {
		return nil, err
	}
	for _, d := range records {
		if err := w.lines.Encode(readable(c.Seq, d)); err != nil {
			return nil, err
		}
	}
	return records, nil
}

func (w *writer) close() error { return w.lines.Encode(w.end) }

// matcher takes what is written to it for what a reader must hold, byte by byte.
type matcher struct {
	from io.Reader
	buf  []byte
}

func (m *matcher) Write(want []byte) (int, error) {
	m.buf = slices.Grow(m.buf[:0], len(want))[:len(want)]
	if _, err := io.ReadFull(m.from, m.buf); err != nil {
		return 0, errors.Join(errBroken, err)
	}
	if !bytes.Equal(m.buf, want) {
		return 0, errors.New("it says something else than the chain")
	}
	return len(want), nil
}

// close reports what is left over.
func (m *matcher) close() error {
	switch _, err := io.ReadFull(m.from, make([]byte, 1)); {
	case err == nil:
		return errors.New("it holds more than the month")
	case !errors.Is(err, io.EOF):
		return errors.Join(errBroken, err)
	}
	return nil
}

// reader reads a file's commits, in order.
type reader struct {
	zip   *zstd.Decoder
	lines *bufio.Reader
	head  headLine
	seen  endLine
	left  int // lines of debits of the last commit
}

// maxLine bounds a damaged line.
const maxLine = 256 << 20

var errBroken = errors.New("it is damaged, or not a file of debits that this version reads")

func newReader(from io.Reader) (*reader, error) {
	zip, err := decompress(from)
	if err != nil {
		return nil, err
	}
	r := &reader{zip: zip, lines: bufio.NewReaderSize(zip, 64<<10), seen: endLine{Line: "end"}}
	if err := r.line(&r.head); err != nil || r.head.Line != "head" || r.head.Format != format {
		r.close()
		return nil, errors.Join(errBroken, err)
	}
	return r, nil
}

func (r *reader) close() { r.zip.Close() }

// line reads the next one.
func (r *reader) line(into any) error {
	b, err := r.raw()
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func (r *reader) raw() (line []byte, err error) {
	for {
		part, err := r.lines.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // the last line says that it is the last
			}
			return nil, err
		case len(line) > maxLine:
			return nil, errBroken
		}
	}
}

// next is the next commit; io.EOF after the last, of which the file says itself that it is.
func (r *reader) next() (c commitLine, err error) {
	for ; r.left > 0; r.left-- {
		if _, err := r.raw(); err != nil {
			return c, errors.Join(errBroken, err)
		}
	}
	b, err := r.raw()
	if err != nil {
		return c, errors.Join(errBroken, err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, errors.Join(errBroken, err)
	}
	switch c.Line {
	case "commit":
		r.left = c.Debits
		r.seen.Commits++
		r.seen.Debits += int64(c.Debits)
		return c, nil
	case "end":
		var end endLine
		if err := json.Unmarshal(b, &end); err != nil || end != r.seen {
			return c, errors.Join(errBroken, err)
		}
		if _, err := r.lines.ReadByte(); !errors.Is(err, io.EOF) {
			return c, errors.Join(errBroken, err)
		}
		return c, io.EOF
	}
	return c, errBroken
}
