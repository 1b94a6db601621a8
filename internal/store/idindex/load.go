package idindex

import (
	"fmt"
	"log/slog"

	"taocan/internal/taocan"
)

// load opens the files that can be relied on: those that the manifest names, up to the first that is lost or
// damaged, or that knows another past than the database. All others are removed.
func load(fs files, o Options) (m *manifest, segments []*segment, err error) {
	m, segments, err = read(fs, o)
	if err != nil {
		return nil, segments, err
	}
	kept := map[string]bool{}
	for _, s := range segments {
		kept[segmentName(s.number)] = true
	}
	if err := fs.tidy(func(name string) bool { return kept[name] }); err != nil {
		return nil, segments, fmt.Errorf("tidy up: %w", err)
	}
	return m, segments, nil
}

func read(fs files, o Options) (*manifest, []*segment, error) {
	empty, err := newManifest(o.Owner, o.Window)
	if err != nil {
		return nil, nil, err
	}
	b, err := fs.readManifest()
	if err != nil || b == nil {
		return empty, nil, err
	}
	m, err := parseManifest(b)
	if err != nil {
		o.Log.Warn("the index of debit ids is rebuilt", "reason", err)
		return empty, nil, nil
	}
	if m.Owner != o.Owner {
		o.Log.Info("the index of debit ids is of another database and is rebuilt")
		return empty, nil, nil
	}
	if !m.reaches(o.Window) {
		o.Log.Info("the index of debit ids is rebuilt: they are remembered for longer now")
		return empty, nil, nil
	}
	m.Window = o.Window.Microseconds() // from the next file on
	segments := readSegments(fs, m, o.Log)
	known := len(segments)
	for n := known; n >= 0; n-- {
		end := m.Floor
		if n > 0 {
			end = segments[n-1].to
		}
		same, err := samePast(end, o.CommitAt)
		if err != nil {
			return nil, segments, err
		}
		if same {
			if n < known {
				o.Log.Warn("a part of the index of debit ids is of a past that is undone, and is rebuilt", "files", known-n)
			}
			return m, segments[:n], closeAll(segments[n:])
		}
	}
	o.Log.Warn("the index of debit ids is of a past that is undone, and is rebuilt", "files", known)
	return empty, nil, closeAll(segments)
}

func closeAll(segments []*segment) error {
	for _, s := range segments {
		if err := s.file.Close(); err != nil {
			return err
		}
	}
	return nil
}

// readSegments opens the manifest's files up to the first that is not good.
func readSegments(fs files, m *manifest, log *slog.Logger) (segments []*segment) {
	end := m.Floor
	for i, f := range m.Files {
		s, err := readSegment(fs, f, end)
		if err != nil {
			log.Warn("a part of the index of debit ids is rebuilt", "files", len(m.Files)-i, "reason", err)
			break
		}
		segments = append(segments, s)
		end = s.to
	}
	return segments
}

func readSegment(fs files, listed manifestFile, from [taocan.Lanes]mark) (*segment, error) {
	name := segmentName(listed.Number)
	f, size, err := fs.open(name)
	if err != nil {
		return nil, err
	}
	s, err := openSegment(f, size)
	switch {
	case err != nil:
	case s.number != listed.Number || s.checksum != listed.Checksum:
		err = fmt.Errorf("not the file that the manifest names")
	case s.from != from:
		err = fmt.Errorf("does not follow the file before it")
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("file %s: %w", name, err)
	}
	return s, nil
}

// samePast reports whether the database knows the commits at the end of every lane. Since commits are chained, it then
// knows those before them too.
func samePast(end [taocan.Lanes]mark, commitAt func(taocan.Lane, int64) (int64, error)) (bool, error) {
	for lane, m := range end {
		if m.Seq == 0 {
			continue
		}
		commit, err := commitAt(taocan.Lane(lane), m.Seq)
		if err != nil {
			return false, fmt.Errorf("look for commit %d of lane %d: %w", m.Seq, lane, err)
		}
		if commit != m.Commit {
			return false, nil
		}
	}
	return true, nil
}
