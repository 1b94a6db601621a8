package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// Machine is what the figures were measured on. What the system does not tell is empty.
type Machine struct {
	CPU        string  `json:"cpu"`
	CPUs       int     `json:"cpus"`
	GoMaxProcs int     `json:"go_max_procs"`
	MemoryMiB  float64 `json:"memory_mib"`
	Kernel     string  `json:"kernel"`
	OS         string  `json:"os"`
	Arch       string  `json:"arch"`
	Go         string  `json:"go"`
	FileSystem string  `json:"file_system"` // of the databases
}

// machine describes this one, with the file system of dir. Linux tells all of it in files.
func machine(dir string) Machine {
	m := Machine{CPUs: runtime.NumCPU(), GoMaxProcs: runtime.GOMAXPROCS(0), OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version()}
	m.CPU = field("/proc/cpuinfo", "model name")
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = string(bytes.TrimSpace(kernel))
	}
	m.MemoryMiB = mebibytes(field("/proc/meminfo", "MemTotal"))
	m.FileSystem = fileSystem(dir)
	return m
}

// field is the value of the first line `name: value` of a file of the system's.
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// mebibytes reads the kernel's "123 kB".
func mebibytes(s string) float64 {
	kib, err := strconv.ParseFloat(strings.TrimSuffix(s, " kB"), 64)
	if err != nil {
		return 0
	}
	return round(kib / 1024)
}

// fileSystem is the type of what is mounted closest above dir.
func fileSystem(dir string) (kind string) {
	dir, err := filepath.EvalSymlinks(dir)
	mounts, errMounts := os.ReadFile("/proc/self/mounts")
	if err != nil || errMounts != nil {
		return ""
	}
	longest := 0
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || len(fields[1]) < longest {
			continue
		}
		if rest, under := strings.CutPrefix(dir, strings.TrimSuffix(fields[1], "/")); under && (rest == "" || rest[0] == '/') {
			longest, kind = len(fields[1]), fields[2]
		}
	}
	return kind
}

// loadAverage of the last minute.
func loadAverage() float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var one float64
	if _, err := fmt.Sscan(string(b), &one); err != nil {
		return 0
	}
	return one
}

// memory is what a process holds.
type memory struct{ RSS, Peak, Heap float64 } // MiB; Peak since forgetMemory

func memoryNow() memory {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return memory{RSS: mebibytes(field("/proc/self/status", "VmRSS")), Peak: mebibytes(field("/proc/self/status", "VmHWM")),
		Heap: round(float64(m.HeapInuse) / (1 << 20))}
}

// forgetMemory gives back what earlier cases have left, and lets the peak begin anew where the system allows that.
func forgetMemory() {
	debug.FreeOSMemory()
	if f, err := os.OpenFile("/proc/self/clear_refs", os.O_WRONLY, 0); err == nil {
		_, _ = f.WriteString("5") // proc(5): resets VmHWM; without it the peak is that of the process
		_ = f.Close()
	}
}
