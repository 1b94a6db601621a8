package access

import "taocan/internal/taocan"

// checks collects the bad fields of a request, so that all are reported at once.
type checks struct{ bad []taocan.FieldError }

func (c *checks) check(ok bool, location, message string, value any) {
	if !ok {
		c.bad = append(c.bad, taocan.FieldError{Location: location, Message: message, Value: value})
	}
}

func (c *checks) err() error {
	if len(c.bad) == 0 {
		return nil
	}
	return &taocan.InvalidError{Fields: c.bad}
}
