//go:build !unix

package idindex

func mapped[T any](int) []T { return nil }

func unmap[T any]([]T) {}
