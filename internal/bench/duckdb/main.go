// Command duckdb counts, with DuckDB, the rows of a search log whose Reason holds
// each of some words, for make bench-audit. It is a module of its own, so that
// Porchlight itself needs no C compiler.
//
//	duckdb FILE WORD...
//
// It prints one line of JSON: seconds, rows, counts in the order of the words.
package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: duckdb FILE WORD...")
	}
	if err := count(os.Args[1], os.Args[2:]); err != nil {
		log.Fatal("duckdb: ", err)
	}
}

// count scans the file once. Format and types are told, so that nothing is
// spent on finding them out and no cell is converted; words are looked for in
// the lower-cased reason, which is faster than ILIKE.
func count(path string, words []string) error {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // settings are a connection's
	if _, err := db.Exec("SET threads = 2"); err != nil {
		return err
	}
	query := []string{"SELECT count(*)"}
	for _, w := range words {
		query = append(query, fmt.Sprintf(", count(*) FILTER (WHERE contains(reason, %s))", quote(w)))
	}
	query = append(query, fmt.Sprintf(` FROM (SELECT lower(Reason) AS reason FROM read_csv(%s,
		header = true, all_varchar = true, delim = ',', quote = '"', escape = '"', new_line = '\n'))`, quote(path)))
	counts := make([]int64, 1+len(words))
	into := make([]any, len(counts))
	for i := range counts {
		into[i] = &counts[i]
	}
	began := time.Now()
	if err := db.QueryRow(strings.Join(query, "")).Scan(into...); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"seconds": time.Since(began).Seconds(), "rows": counts[0], "counts": counts[1:],
	})
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
