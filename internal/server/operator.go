package server

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"taocan/internal/access"
	"taocan/internal/taocan"
)

// FirstOperator is the login that a new installation starts with.
const FirstOperator = "operator"

const passwordFileName = "operator-password"

// firstOperator makes the first login of the platform's staff. Its password is in a file before it works, so
// that a crash in between leaves no operator whom nobody knows the password of.
func (s *Server) firstOperator(ctx context.Context) error {
	path := filepath.Join(s.settings.Data, passwordFileName)
	staff, err := s.Access.Members(ctx, "")
	if err == nil && len(staff) > 0 {
		if _, err := os.Stat(path); err == nil {
			s.passwordFile = path // nobody has read and removed it yet
		}
	}
	if err != nil || len(staff) > 0 {
		return err
	}
	password := rand.Text()
	if err := writeSecret(path, password); err != nil {
		return fmt.Errorf("write the first operator's password: %w", err)
	}
	_, err = s.Access.CreateMember(ctx, taocan.System(), access.MemberRequest{Login: FirstOperator, Password: password, Role: taocan.OperatorRole})
	if errors.Is(err, taocan.ErrConflict) {
		return s.anotherWasFirst()
	}
	if err != nil {
		return fmt.Errorf("make the first operator: %w", err)
	}
	s.passwordFile = path
	s.log.Info("made the first operator", "login", FirstOperator, "password_file", path)
	return nil
}

func writeSecret(path, secret string) error {
	// A leftover of a crash may have another mode.
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(secret + "\n"); err != nil {
		return err
	}
	return f.Sync()
}

// PasswordFile holds the first operator's password; empty once it has been removed.
func (s *Server) PasswordFile() string { return s.passwordFile }

// DropPasswordFile removes the file once the password in it no longer counts.
func (s *Server) DropPasswordFile() error {
	s.passwordFile = ""
	if err := os.Remove(filepath.Join(s.settings.Data, passwordFileName)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// doorkeeper knows one credential besides those of access: the one that requests over the administrative socket
// are given. It is drawn at the start, written nowhere, and dies with the process.
type doorkeeper struct {
	*access.Access
	local string
}

// Authenticate says who is asking.
func (d doorkeeper) Authenticate(ctx context.Context, bearer, remote string) (taocan.Actor, error) {
	if subtle.ConstantTimeCompare([]byte(bearer), []byte(d.local)) == 1 {
		return taocan.Actor{Role: taocan.OperatorRole, Scopes: []taocan.Scope{taocan.ScopeOperator}, Address: remote}, nil
	}
	return d.Access.Authenticate(ctx, bearer, remote)
}

// OperatorHandler answers like the server, to somebody who may use the data folder and so is an operator.
func (s *Server) OperatorHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+s.doorkeeper.local)
		r.RemoteAddr = "local" // for the audit log
		s.handler.ServeHTTP(w, r)
	})
}
