package db

import (
	"context"
	"database/sql"
	"time"
)

// Queryer runs a query: the reading side, or a transaction.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Row is what a query found, one row of it.
type Row interface{ Scan(into ...any) error }

// Query runs a query and reads all its rows with scan; nil if there are none.
func Query[T any](ctx context.Context, q Queryer, scan func(Row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// One reads a row of one column.
func One[T any](row Row) (v T, err error) {
	err = row.Scan(&v)
	return v, err
}

// Micros is a time as it is stored: microseconds since 1970, 0 for the zero time.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time is Micros the other way, in UTC.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// Into scans a stored time into t.
func Into(t *time.Time) sql.Scanner { return into{t} }

type into struct{ t *time.Time }

func (i into) Scan(stored any) error {
	var n sql.NullInt64
	if err := n.Scan(stored); err != nil {
		return err
	}
	*i.t = Time(n.Int64)
	return nil
}
