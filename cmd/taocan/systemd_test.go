package main

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

func TestTheServiceManagerIsTold(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := tellService("READY=1"); err != nil {
		t.Errorf("without a socket: %v", err)
	}
	path := filepath.Join(t.TempDir(), "notify")
	for _, address := range []string{path, "@taocan-test-" + filepath.Base(filepath.Dir(path))} {
		socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("NOTIFY_SOCKET", address)
		if err := tellService("READY=1"); err != nil {
			t.Error(err)
		}
		if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		n, err := socket.Read(b)
		if err != nil || string(b[:n]) != "READY=1" {
			t.Errorf("%s got %q, error %v", address, b[:n], err)
		}
		if err := socket.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	if err := tellService("READY=1"); err == nil {
		t.Error("a socket that is not there was told")
	}
}
