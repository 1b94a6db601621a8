package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

const socketName = "taocan.sock"

// maxSocketPath: the kernel takes 104 to 108 bytes, by system. Longer paths go through a link.
const maxSocketPath = 100

// listenSocket opens the administrative socket of a data folder. Whoever calls holds the folder's lock, so a
// socket found there is dead.
func listenSocket(dir string) (net.Listener, error) {
	path := filepath.Join(dir, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("replace the administrative socket: %w", err)
	}
	var l net.Listener
	err := withShortPath(dir, func(dir string) (err error) {
		l, err = net.Listen("unix", filepath.Join(dir, socketName))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open the administrative socket: %w", err)
	}
	// Removed on Close by its real path: the short one is gone by then.
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protect the administrative socket: %w", err), l.Close())
	}
	return &socketListener{l, path}, nil
}

type socketListener struct {
	net.Listener
	path string
}

func (l *socketListener) Close() error {
	err := l.Listener.Close()
	if removed := os.Remove(l.path); err == nil && !errors.Is(removed, os.ErrNotExist) {
		err = removed
	}
	return err
}

// DialSocket connects to the server that runs on a data folder.
func DialSocket(ctx context.Context, dir string) (conn net.Conn, err error) {
	err = withShortPath(dir, func(dir string) (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, socketName))
		return err
	})
	return conn, err
}

// withShortPath calls use with a name of dir that is short enough for a socket in it.
func withShortPath(dir string, use func(dir string) error) error {
	if len(filepath.Join(dir, socketName)) <= maxSocketPath {
		return use(dir)
	}
	long, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	private, err := os.MkdirTemp("", "taocan-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(private) }()
	short := filepath.Join(private, "d")
	if err := os.Symlink(long, short); err != nil {
		return err
	}
	return use(short)
}
