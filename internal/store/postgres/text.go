package postgres

import (
	"strconv"
	"strings"
	"sync"
)

// textsMost bounds how many texts are remembered. There are some hundred; lists with filters combine into a few thousand.
const textsMost = 8192

// texts words statements for PostgreSQL, and remembers them.
type texts struct {
	mu    sync.RWMutex
	known map[string]string // guarded by mu
}

// numbered is a statement with $1 for each ? of it.
func (t *texts) numbered(text string) string {
	t.mu.RLock()
	n, ok := t.known[text]
	t.mu.RUnlock()
	if ok {
		return n
	}
	n = dollars(text)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil || len(t.known) >= textsMost {
		t.known = map[string]string{}
	}
	t.known[text] = n
	return n
}

// dollars writes placeholders as PostgreSQL has them. As SQLite numbers them, ?3 is the third, and a plain ? the one after the
// largest so far. Question marks in strings, names and comments are none.
func dollars(text string) string {
	var b strings.Builder
	b.Grow(len(text) + 8)
	most := 0
	for i := 0; i < len(text); {
		if n := quoted(text[i:]); n > 0 {
			b.WriteString(text[i : i+n])
			i += n
			continue
		}
		c := text[i]
		i++
		if c != '?' {
			b.WriteByte(c)
			continue
		}
		digits := i
		for i < len(text) && '0' <= text[i] && text[i] <= '9' {
			i++
		}
		n, err := strconv.Atoi(text[digits:i])
		if err != nil { // no digits
			n = most + 1
		}
		most = max(most, n)
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}

// quoted is the length of the string, quoted name or comment that text starts with, up to its end or the text's; 0: none.
func quoted(text string) int {
	end := ""
	switch {
	case text[0] == '\'', text[0] == '"': // a doubled quote ends one and starts the next
		end = text[:1]
	case strings.HasPrefix(text, "--"):
		end = "\n"
	case strings.HasPrefix(text, "/*"):
		end = "*/"
	default:
		return 0
	}
	start := len(end)
	if end == "\n" {
		start = 2
	}
	n := strings.Index(text[start:], end)
	if n < 0 {
		return len(text)
	}
	return start + n + len(end)
}
