package bench

import (
	"os"
	"syscall"
)

// syncData is what SQLite and PostgreSQL call for their logs on Linux.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
