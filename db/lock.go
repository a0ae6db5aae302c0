package db

import (
	"context"
	"hash/fnv"
)

var _ = context.Background

// lockID is the number under which PostgreSQL knows one of our advisory locks.
func lockID(name string) int64 {
	h := fnv.New64a()
	h.Write([]byte("porchlight " + name))
	return int64(h.Sum64())
}
