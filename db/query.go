package db

import (
	"database/sql"
	"time"
)

// Row is one row of what a query found.
type Row interface{ Scan(into ...any) error }

// Each makes a function that hands all rows of a query to scan. It is called
// with what the query returned:
//
//	db.Each(func(row db.Row) error { ... })(q.QueryContext(ctx, `SELECT ...`))
func Each(scan func(Row) error) func(*sql.Rows, error) error {
	return func(rows *sql.Rows, err error) error {
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	}
}

// All is Each for what is to be a list; of no rows, an empty one.
//
//	items, err := db.All(scanItem)(q.QueryContext(ctx, `SELECT ...`))
func All[T any](scan func(Row) (T, error)) func(*sql.Rows, error) ([]T, error) {
	return func(rows *sql.Rows, err error) ([]T, error) {
		all := []T{}
		err = Each(func(row Row) error {
			one, err := scan(row)
			all = append(all, one)
			return err
		})(rows, err)
		if err != nil {
			return nil, err
		}
		return all, nil
	}
}

// One scans a row of one column, for All.
func One[T any](row Row) (v T, err error) {
	err = row.Scan(&v)
	return v, err
}

// First is the first of a list, or none, an error, when there is nothing in it:
//
//	item, err := db.First(s.items(ctx, `id = ?`, id))(ErrNotFound)
func First[T any](list []T, err error) func(none error) (T, error) {
	return func(none error) (first T, _ error) {
		switch {
		case err != nil:
			return first, err
		case len(list) == 0:
			return first, none
		}
		return list[0], nil
	}
}

// Changed makes a function that returns none, an error, when a statement
// changed no row. It is called with what the statement returned:
//
//	db.Changed(ErrNotFound)(tx.Exec(`UPDATE ...`))
func Changed(none error) func(sql.Result, error) error {
	return func(r sql.Result, err error) error {
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err == nil && n == 0 {
			err = none
		}
		return err
	}
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
