package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// folder makes a temporary folder for a server that runs as owner. Names of sockets are short, so it is not the test's.
func folder(owner *syscall.Credential) (string, error) {
	dir, err := os.MkdirTemp("/tmp", "taocan-pg-")
	if err == nil && owner != nil {
		err = os.Chown(dir, int(owner.Uid), int(owner.Gid))
	}
	return dir, err
}

// reapers wait at the other ends of pipes that stay open for as long as this process lives.
var reapers struct {
	sync.Mutex
	pipes []*os.File
}

// reap starts what outlives us: once our end of a pipe is closed, it sends a signal to the process whose number stands in the
// first line of pidFile, waits for its end, and removes dir.
func reap(dir, pidFile string, signal syscall.Signal) error {
	const script = `read -r _
pid=$(head -n 1 "$1" 2>/dev/null)
[ -z "$pid" ] || kill -"$2" "$pid" 2>/dev/null
n=0; while [ -n "$pid" ] && [ $n -lt 100 ] && kill -0 "$pid" 2>/dev/null; do sleep 0.05; n=$((n+1)); done
cd / && rm -rf "$0"`
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.Command("sh", "-c", script, dir, pidFile, strconv.Itoa(int(signal)))
	cmd.Dir, cmd.Stdin = dir, in
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ctrl-C is for us
	if err := cmd.Start(); err != nil {
		return errors.Join(err, in.Close(), out.Close())
	}
	go func() { _ = cmd.Wait() }()
	reapers.Lock()
	defer reapers.Unlock()
	reapers.pipes = append(reapers.pipes, out)
	return in.Close()
}
