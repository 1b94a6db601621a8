package idindex

import "runtime"

// outside makes n zero values for an owner, of a type without pointers and outside of Go's heap: what lies there for months would
// otherwise have the heap grow by as much again before its garbage is collected. The memory goes with the owner, by whom it
// must be held (runtime.KeepAlive) for as long as it is used.
func outside[T, Owner any](owner *Owner, n int) []T {
	b := mapped[T](n)
	if b == nil {
		return make([]T, n)
	}
	runtime.AddCleanup(owner, unmap[T], b)
	return b
}
