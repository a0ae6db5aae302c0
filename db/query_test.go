package db

import (
	"database/sql"
	"errors"
	"testing"
)

func TestNone(t *testing.T) { both(t, testNone) }

func testNone(t *testing.T, source func(testing.TB) string) {
	d, none, broken := open(t, source(t)), errors.New("none"), errors.New("broken")
	values := func(where string) ([]string, error) {
		return All(One[string])(d.Read().Query(`SELECT k FROM t WHERE ` + where + ` ORDER BY k`))
	}
	if err := errors.Join(d.Write(t.Context(), insert("a")), d.Write(t.Context(), insert("b"))); err != nil {
		t.Fatal(err)
	}
	if k, err := First(values(`1 = 1`))(none); k != "a" || err != nil {
		t.Errorf("the first of two: %q, %v", k, err)
	}
	if k, err := First(values(`k = 'c'`))(none); k != "" || err != none {
		t.Errorf("of nothing: %q, %v", k, err)
	}
	if _, err := First([]string{"a"}, broken)(none); err != broken {
		t.Errorf("of what could not be read: %v", err)
	}
	remove := func(k string) error {
		return d.Write(t.Context(), func(tx *sql.Tx) error { return Changed(none)(tx.Exec(`DELETE FROM t WHERE k = ?`, k)) })
	}
	if err := remove("a"); err != nil {
		t.Errorf("a row that is there: %v", err)
	}
	if err := remove("a"); !errors.Is(err, none) {
		t.Errorf("a row that is gone: %v", err)
	}
	if err := Changed(none)(nil, broken); err != broken {
		t.Errorf("a statement that failed: %v", err)
	}
}
