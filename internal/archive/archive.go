package archive

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"taocan/internal/export"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

const (
	// Limit is how long one archive may take: callers bound their contexts by it.
	Limit = 10 * time.Minute
	// MediaType of an archive.
	MediaType = "application/zip"

	// atOnce leaves half of the store's readers to everybody else.
	atOnce     = 2
	retryAfter = 10 * time.Second
)

// Archive is the use case. Immutable after New, safe for concurrent use.
type Archive struct {
	store store.Store
	zone  *time.Location
	turns chan struct{}
}

// New makes the use case.
func New(st store.Store, zone *time.Location) *Archive {
	return &Archive{st, zone, make(chan struct{}, atOnce)}
}

// Write writes the archive of a project, or where of names none, of the whole account. A refusal comes before the first
// byte; after any other error what has been written is not a whole archive.
func (a *Archive) Write(ctx context.Context, actor taocan.Actor, of taocan.Tenant, w io.Writer) error {
	select {
	case a.turns <- struct{}{}:
		defer func() { <-a.turns }()
	default:
		return &taocan.RateError{RetryAfter: retryAfter}
	}
	err := a.store.View(ctx, func(r store.Reader) error {
		if err := mayExport(ctx, r, actor, of); err != nil {
			return err
		}
		return a.write(&source{ctx, r, of, a.zone}, w)
	})
	if err != nil {
		return fmt.Errorf("export account %s, project %q: %w", of.Account, of.Project, err)
	}
	return nil
}

// Serve answers with the archive, to be kept under a name that says of what. An error that it returns is a refusal, and
// then nothing has been written.
func (a *Archive) Serve(ctx context.Context, actor taocan.Actor, of taocan.Tenant, w http.ResponseWriter) error {
	name := string(of.Account)
	if of.Project != "" {
		name = string(of.Project)
	}
	out := &answer{ResponseWriter: w, name: "taocan-" + name + ".zip"}
	err := a.Write(ctx, actor, of, out)
	if err != nil && out.begun {
		panic(http.ErrAbortHandler) // the caller has gone, or must learn that this is not the whole archive
	}
	return err
}

// answer says what it is with its first byte.
type answer struct {
	http.ResponseWriter
	name  string
	begun bool
}

func (a *answer) Write(b []byte) (int, error) {
	if !a.begun {
		a.begun = true
		a.Header().Set("Content-Type", MediaType)
		a.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", a.name))
	}
	return a.ResponseWriter.Write(b)
}

// mayExport refuses whoever may not. To members and tokens another account or project does not exist.
func mayExport(ctx context.Context, r store.Reader, actor taocan.Actor, of taocan.Tenant) error {
	if err := mayAsk(ctx, r, actor, of); err != nil {
		return err
	}
	if of.Project == "" {
		_, err := r.Account(ctx, of.Account)
		return err
	}
	p, err := r.Project(ctx, of.Project)
	if err == nil && p.Account != of.Account {
		err = taocan.ErrNotFound
	}
	return err
}

func mayAsk(ctx context.Context, r store.Reader, actor taocan.Actor, of taocan.Tenant) error {
	if actor.OperatorOnly() == nil {
		return nil
	}
	if actor.Account != of.Account || actor.Account == "" {
		return taocan.ErrNotFound
	}
	if actor.Member != "" {
		return mustOwn(ctx, r, actor)
	}
	switch {
	case of.Project == "":
		return ownersOnly()
	case of.Project != actor.Project:
		return taocan.ErrNotFound
	case !actor.Can(taocan.ScopeManage):
		return &taocan.ForbiddenError{Required: string(taocan.ScopeManage)}
	}
	return nil
}

// mustOwn asks the store, since a sign-in may remember a role that has been taken away.
func mustOwn(ctx context.Context, r store.Reader, actor taocan.Actor) error {
	m, err := r.MemberByID(ctx, actor.Member)
	switch {
	case errors.Is(err, taocan.ErrNotFound):
		return ownersOnly()
	case err != nil:
		return err
	case m.Account != actor.Account || m.Suspended || m.Role != taocan.Owner:
		return ownersOnly()
	}
	return nil
}

func ownersOnly() error {
	return &taocan.ForbiddenError{Required: string(taocan.Owner), Detail: "only owners of the account who have signed in may export it"}
}

// written is the time that every file in an archive carries: the first that the format has.
var written = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

func (a *Archive) write(s *source, w io.Writer) error {
	archive := zip.NewWriter(w)
	create := func(name string) (io.Writer, error) {
		return archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: written})
	}
	out, err := create("README.txt")
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, readMe(s)); err != nil {
		return err
	}
	for _, f := range files {
		if !f.belongs(s.of) {
			continue
		}
		if out, err = create(f.name); err != nil {
			return err
		}
		lines := export.NewLines(out)
		head := make([]export.Cell, len(f.columns))
		for i, c := range f.columns {
			head[i] = export.Text(c)
		}
		if err := lines.Line(head...); err != nil {
			return err
		}
		if err := f.rows(s, lines.Line); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if err := lines.Flush(); err != nil {
			return err
		}
	}
	return archive.Close()
}
