package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"taocan/internal/taocan"
)

// Replay finds what a caller's key has made before: its subject, and whether the key is known at all. Other
// content under a known key is taocan.ErrConflict.
func Replay(ctx context.Context, r Reader, t taocan.Tenant, operation, key string, content []byte) (subject string, known bool, err error) {
	k, err := r.IdempotencyKey(ctx, t, operation, key)
	switch {
	case errors.Is(err, taocan.ErrNotFound):
		return "", false, nil
	case err != nil:
		return "", false, err
	case !bytes.Equal(k.Content, content):
		return "", false, taocan.Conflict("the key %s has been used before, with other content", key)
	}
	return k.Subject, true, nil
}

// drawsOfNumber: 1,048,576 numbers an hour and kind; even when half are taken, 64 draws never fail in practice.
const drawsOfNumber = 64

// FreeNumber draws package numbers until one is nobody's, those of this transaction included.
func FreeNumber(ctx context.Context, r Reader, c taocan.Category, p taocan.Purpose, purchased time.Time, zone *time.Location, random io.Reader) (taocan.PackageNumber, error) {
	for range drawsOfNumber {
		n, err := taocan.NewPackageNumber(c, p, purchased, zone, random)
		if err != nil {
			return "", err
		}
		switch _, err := r.PackageAnywhere(ctx, n); {
		case errors.Is(err, taocan.ErrNotFound):
			return n, nil
		case err != nil:
			return "", err
		}
	}
	return "", fmt.Errorf("draw a package number: %d draws were all taken: %w", drawsOfNumber, taocan.ErrUnavailable)
}
