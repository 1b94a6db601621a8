package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"maps"

	"taocan/internal/taocan"
)

// archivedProof is what Verify finds of an archived month as it goes along.
type archivedProof struct {
	ArchivedMonth
	seen       ArchivedSums // of commits whose records were at hand
	missing    int64        // commits whose records were not
	manifested int64        // entries that the links of the latter cover themselves, as those of older versions do
	unreadable bool         // the file was found wrong, and is left alone

	entries  int64 // that stand in the store
	segments taocan.Segments
	chain    []byte    // over entries of the package at hand
	digest   hash.Hash // over packages
}

func newArchivedProof(m ArchivedMonth) *archivedProof {
	return &archivedProof{ArchivedMonth: m, seen: ArchivedSums{Overflow: map[taocan.AccountID]int64{}}, digest: sha256.New()}
}

// archivedAt is the archived month that covers a commit; nil where none does.
func (v *verifier) archivedAt(lane taocan.Lane, seq int64) *archivedProof {
	if lane >= taocan.Lanes {
		return nil
	}
	for _, p := range v.archived[lane] {
		if p.Covers(seq) {
			return p
		}
	}
	return nil
}

// gone is a commit without the debits that its link covers, and without a row that says where they are.
func (v *verifier) gone(ctx context.Context, r Reader, c Commit, subject string) error {
	months, err := r.ArchivedMonths(ctx)
	if err != nil {
		return err
	}
	for _, m := range months {
		if m.Lane == c.Lane && m.Covers(c.Seq) {
			return fmt.Errorf("the debits of %s were archived while they were being verified: run it again", subject)
		}
	}
	return v.found(subject, "its debits have been altered or removed")
}

// unarchive reads a commit's debits from the archive, if there is one to read.
func (v *verifier) unarchive(ctx context.Context, p *archivedProof, c *Commit) error {
	if v.o.Archive == nil || p.unreadable {
		return nil
	}
	debits, err := v.o.Archive.Debits(ctx, p.ArchivedMonth, c.Seq)
	if err == nil {
		if digest := sha256.Sum256(debits); bytes.Equal(digest[:], c.DebitsDigest) {
			c.Debits = debits
			return nil
		}
		return v.found(p.String(), "its file %s has other debits of commit %d than were archived", p.File, c.Seq)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p.unreadable = true
	return v.found(p.String(), "its file %s: %s", p.File, err)
}

// without notes a commit whose records are not at hand. covered are the entries in its manifest.
func (p *archivedProof) without(covered map[moveKey]taocan.Entry) {
	p.missing++
	for k := range covered {
		if ofRecords(k.kind) {
			p.manifested++
		}
	}
}

// archivedSums compares what the lane's archived months say with what was seen of them, and takes their word for the rest.
func (v *verifier) archivedSums(lane taocan.Lane) error {
	for _, p := range v.archived[lane] {
		said, seen := p.ArchivedSums, p.seen
		if p.missing == 0 {
			if said.Commits != seen.Commits || said.Debits != seen.Debits || said.Refs != seen.Refs || said.Entries != seen.Entries ||
				said.Segments != seen.Segments || !maps.Equal(said.Overflow, seen.Overflow) {
				if err := v.found(p.String(), "says %+v, its commits come to %+v", said, seen); err != nil {
					return err
				}
			}
			continue
		}
		if said.Commits != seen.Commits+p.missing {
			if err := v.found(p.String(), "says that %d commits held debits, %d did", said.Commits, seen.Commits+p.missing); err != nil {
				return err
			}
		}
		v.report.Archived += said.Debits - seen.Debits
		v.report.Debits += said.Debits - seen.Debits
		v.refsSeen += said.Refs - seen.Refs
		v.counts[RowEntry] += said.Entries - seen.Entries - p.manifested
		for a, cost := range said.Overflow {
			v.overflow[a] += cost - seen.Overflow[a]
		}
	}
	return nil
}

// archivedEntry takes in an entry of the package at hand.
func (v *verifier) archivedEntry(e taocan.Entry) {
	if !ofRecords(e.Kind) {
		return
	}
	if p := v.archivedAt(e.Lane, e.Commit); p != nil {
		p.chain = chainEntry(p.chain, e)
		p.entries++
		p.segments += e.Used
	}
}

// archivedPackage ends a package, whose account's lane all its entries are of.
func (v *verifier) archivedPackage(account taocan.AccountID) {
	for _, p := range v.archived[taocan.LaneOf(account)] {
		if p.chain != nil {
			p.digest.Write(p.chain)
			p.chain = nil
		}
	}
}

// archivedEntries proves that the entries of archived commits are still those that the records made.
func (v *verifier) archivedEntries(context.Context) error {
	for _, months := range v.archived {
		for _, p := range months {
			var err error
			switch {
			case p.entries != p.Entries || p.segments != p.Segments:
				err = v.found(p.String(), "its debits made %d entries that used %d messages; there are %d that used %d", p.Entries, p.Segments, p.entries, p.segments)
			case !bytes.Equal(p.digest.Sum(nil), p.EntriesDigest):
				err = v.found(p.String(), "the entries of its commits are not those that its debits made")
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
