//go:build unix

package idindex

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Smaller pieces, in bytes, are left to Go.
const leastMapped = 64 << 10

// mapped gives memory of the system's own; nil: none.
func mapped[T any](n int) []T {
	size := uintptr(n) * unsafe.Sizeof(*new(T))
	if size < leastMapped {
		return nil
	}
	p, err := unix.MmapPtr(-1, 0, nil, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return unsafe.Slice((*T)(p), n)
}

func unmap[T any](b []T) {
	_ = unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(b)), uintptr(len(b))*unsafe.Sizeof(*new(T))) // it was mapped
}
