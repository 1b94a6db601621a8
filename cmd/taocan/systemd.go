package main

import (
	"fmt"
	"net"
	"os"
)

// tellService tells the service manager how the server stands: sd_notify(3), of which the whole protocol is a datagram to the
// socket that NOTIFY_SOCKET names. Without the variable nobody is waiting.
func tellService(state string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	if path[0] == '@' { // Linux's abstract namespace
		path = "\x00" + path[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	return nil
}
