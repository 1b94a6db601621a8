package idindex

import (
	"cmp"
	"slices"

	"github.com/dchest/siphash"

	"taocan/internal/taocan"
)

// entry says that a commit recorded an id, of which it keeps the hash.
type entry struct {
	hash uint64
	ref  ref
}

func compareEntries(a, b entry) int {
	if c := cmp.Compare(a.hash, b.hash); c != 0 {
		return c
	}
	return cmp.Compare(a.ref, b.ref)
}

// ref names a commit, and whether the entry is of a reservation's settlement. Never 0.
type ref uint64

func newRef(commit int64, settled bool) ref {
	r := ref(commit)<<2 | 1
	if settled {
		r |= 2
	}
	return r
}

func (r ref) commit() int64 { return int64(r >> 2) }

// since is r as a small number: how far its commit is from another, and whether it settles.
func (r ref) since(base int64) uint64             { return uint64(r)>>1 - uint64(base)<<1 }
func refSince(base int64, distance uint64) ref    { return ref((uint64(base)<<1+distance)<<1 | 1) }
func distanceMax(oldest, newest int64) (d uint64) { return newRef(newest, true).since(oldest) }

// commitsOf puts the most telling first: the newest before the older, and of one commit what settled before what was settled. No
// settlement comes before what it settles; an id that is used again after it was forgotten comes after its first use.
func commitsOf(found []ref) []int64 {
	if len(found) == 0 {
		return nil
	}
	slices.SortFunc(found, func(a, b ref) int { return cmp.Compare(b, a) })
	commits := make([]int64, 0, len(found))
	for _, r := range found {
		if !slices.Contains(commits, r.commit()) {
			commits = append(commits, r.commit())
		}
	}
	return commits
}

// hashKey is drawn with the index and kept in its manifest.
type hashKey [2]uint64

func hashOf[ID ~string | ~[]byte](k hashKey, project taocan.ProjectID, id ID) uint64 {
	var room [256]byte
	b := append(room[:0], project...)
	b = append(b, 0)
	b = append(b, id...)
	return siphash.Hash(k[0], k[1], b)
}
